"""Real writers of log files, as their containers start them, and load that makes them write."""

import re
import shlex
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local.free_port import free_port
from local.layout import ROOT
from tests.processes import Process
from tests.servers import find_program, running

NGINX = """
user root;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    include {folder}/requests.conf;
    include {folder}/log.conf;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; {locations} }}
}}
"""


@contextmanager
def load(ask: Callable[[int, int], None], writers: int = 3) -> Iterator[Counter[int]]:
    """`ask(writer, n)` without a pause until the block ends; how often each asked."""
    stop, asked = threading.Event(), Counter[int]()

    def write(number: int) -> None:
        while not stop.is_set():
            ask(number, asked[number])
            asked[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def watching(script: str, folder: Path, command: list[str]) -> list[str]:
    """A command as that script starts it: with the loop that looks for its log files."""
    text = (ROOT / script).read_text()
    (loop,) = re.findall(r"^ *(?:\[[^\n]*\|\| )?while sleep 5 &&.*?done[^\n]*&$", text, re.M | re.S)
    # Only the first process of a container is safe from a signal that it does not know yet.
    for name in re.findall(r'-e "\$\w+/([\w.]+)"', loop):
        (folder / name).touch()
    start = f"folder={folder} logs={folder}\n{loop}\nexec {shlex.join(command)}"
    return ["bash", "-euc", start.replace("sleep 5", "sleep 0.1")]


@contextmanager
def nginx(folder: Path, locations: str = "location / { return 200; }") -> Iterator[int]:
    """With the ingress's own format and buffers; its port."""
    port = free_port()
    script = (ROOT / "ingress" / "start.sh").read_text()
    (access_log,) = re.findall(r"\+(access_log [^}]*)}", script)
    access_log = access_log.replace("$folder", str(folder))
    for name in ("requests.conf", "log.conf"):
        text = (ROOT / "ingress" / "conf" / name).read_text()
        text = text.replace("access_log /dev/stdout json;\n", "")
        (folder / name).write_text(text.replace("include /tmp/access-log.conf;", access_log))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, locations=locations))
    program = find_program("nginx")
    options = ["-e", "stderr", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    command = watching("ingress/start.sh", folder, [program, *options])
    with running(Process(command, folder / "output", lambda: answers(port))):
        yield port
