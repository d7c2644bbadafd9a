"""The page of a scenario: what its command prints, and what tests hold it to."""

import re
from dataclasses import dataclass
from pathlib import Path

from local.layout import ROOT
from tools.scenarios.fault import NAMES

FOLDER = ROOT / "docs" / "scenarios"
SECTIONS = ("What is done", "Where to look", "What the cause looks like", "How it heals")


@dataclass(frozen=True, slots=True)
class Page:
    text: str

    @property
    def sections(self) -> list[str]:
        return re.findall(r"^## (.+)$", self.text, re.MULTILINE)

    @property
    def queries(self) -> list[str]:
        """Of VictoriaMetrics. None has a result before; each has one while the fault lasts."""
        return [one.strip() for one in re.findall(r"```promql\n(.+?)```", self.text, re.DOTALL)]

    @property
    def log_queries(self) -> list[str]:
        return [one.strip() for one in re.findall(r"```logsql\n(.+?)```", self.text, re.DOTALL)]

    @property
    def alerts(self) -> set[str]:
        return self._named_after("[Aa]lert")

    @property
    def panels(self) -> set[str]:
        return self._named_after("[Pp]anels?")

    def _named_after(self, word: str) -> set[str]:
        """`panels *One*, *Two* and *Three*`"""
        one_more = r"(?: \([^)]*\))?(?:,| and| or) \*[^*]+\*"
        lists = re.findall(rf"{word} (\*[^*]+\*(?:{one_more})*)", self.text)
        return {name for one in lists for name in re.findall(r"\*([^*]+)\*", one)}


def read_page(name: str) -> Page:
    return Page(path_of(name).read_text(encoding="utf-8"))


def path_of(name: str) -> Path:
    assert name in NAMES
    return FOLDER / f"{name}.md"
