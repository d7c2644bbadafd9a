"""The route that nginx names a path by, out of its own configuration."""

import re

from local.layout import ROOT


def edge_route(path: str) -> str:
    for key, value in _map("route"):
        if key.startswith("~"):
            if found := re.search(key[1:].replace("(?<", "(?P<"), path):
                return re.sub(r"\$(\w+)", lambda name: found[name[1]], value)
        elif key == path:
            return value
    return "other"


def _map(variable: str) -> list[tuple[str, str]]:
    """Key and value of each line of a `map`, in its order."""
    text = (ROOT / "ingress" / "conf" / "requests.conf").read_text()
    (body,) = re.findall(rf"^map \S+ \${variable} {{\n(.*?)^}}", text, re.M | re.S)
    return re.findall(r'^ +"?([^" ]+)"? +"?([^";]+)"?;$', body, re.M)
