"""What a load run counts, per step and class; the counts of several generators add up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from loadtest.histogram import Histogram

# A start later than this after its moment is a missed one: the generator could not keep up.
LATE_SECONDS = 0.1
_MOST_COMPLAINTS = 30


class Outcome(StrEnum):
    ANSWERED = "answered"
    # The ingress or the gateway keeps load away: neither an error nor a success.
    LIMITED = "429"
    CLIENT = "4xx"
    SERVER = "5xx"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    WRONG = "wrong content"


ERRORS = tuple(one for one in Outcome if one not in (Outcome.ANSWERED, Outcome.LIMITED))


@dataclass
class Tally:
    """Of one class in one step. `late` are starts too, `given_up` are clicks of a guest whose
    visit an error (or a sold-out watch) had ended; both were planned."""

    planned: int = 0
    late: int = 0
    given_up: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    # From the moment planned, of every outcome but 429: errors must not look fast by hiding.
    latency: Histogram = field(default_factory=Histogram)

    def record(self, outcome: Outcome, seconds: float, *, late: bool = False) -> None:
        self.outcomes[outcome] += 1
        self.late += late
        if outcome is not Outcome.LIMITED:
            self.latency.add(seconds)

    @property
    def started(self) -> int:
        return self.outcomes.total()

    @property
    def answered(self) -> int:
        return self.outcomes[Outcome.ANSWERED]

    @property
    def limited(self) -> int:
        return self.outcomes[Outcome.LIMITED]

    @property
    def errors(self) -> int:
        return sum(self.outcomes[one] for one in ERRORS)

    @property
    def missed(self) -> int:
        """Starts that the generator made too late or not at all."""
        return self.late + max(self.planned - self.started - self.given_up, 0)

    def milliseconds(self, percent: float) -> float | None:
        """Within which that many percent were answered; None of nothing."""
        seconds = self.latency.percentile(percent)
        return None if seconds is None else seconds * 1000

    def merge(self, other: "Tally") -> None:
        self.planned += other.planned
        self.late += other.late
        self.given_up += other.given_up
        self.outcomes.update(other.outcomes)
        self.latency.merge(other.latency)

    @classmethod
    def merged(cls, parts: Iterable["Tally"]) -> Self:
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole

    def as_plain(self) -> dict[str, Any]:
        return {
            "planned": self.planned,
            "late": self.late,
            "given_up": self.given_up,
            "outcomes": dict(self.outcomes),
            "latency": self.latency.as_plain(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        latency = Histogram.from_plain(plain["latency"])
        return cls(**{**plain, "outcomes": Counter(plain["outcomes"]), "latency": latency})


class Figures:
    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str], Tally] = {}
        # What went wrong, in words, for whoever has to find out why.
        self.complaints: Counter[str] = Counter()

    def tally(self, step: int, name: str) -> Tally:
        return self._tallies.setdefault((step, name), Tally())

    def of_step(self, step: int) -> dict[str, Tally]:
        return {name: tally for (number, name), tally in self._tallies.items() if number == step}

    def complain(self, text: str) -> None:
        if text in self.complaints or len(self.complaints) < _MOST_COMPLAINTS:
            self.complaints[text] += 1

    def merge(self, other: "Figures") -> None:
        for (step, name), tally in other._tallies.items():
            self.tally(step, name).merge(tally)
        self.complaints.update(other.complaints)

    def as_plain(self) -> dict[str, Any]:
        return {
            "tallies": [
                {"step": step, "class": name, **tally.as_plain()}
                for (step, name), tally in sorted(self._tallies.items())
            ],
            "complaints": dict(self.complaints),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        one = cls()
        for entry in plain["tallies"]:
            rest = {key: value for key, value in entry.items() if key not in ("step", "class")}
            one._tallies[entry["step"], entry["class"]] = Tally.from_plain(rest)
        one.complaints.update(plain["complaints"])
        return one
