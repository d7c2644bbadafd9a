"""How many requests may be under way at once, found from how long they take.

A gradient on measured latency, as in Envoy's adaptive concurrency and Netflix's concurrency-limits:
who takes more requests than can be worked on only lets them wait, which shows in their latency.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

# A window ends with enough samples to have a 90th percentile, or when it has lasted long enough.
_WINDOW_SECONDS, _LONGEST_WINDOW_SECONDS = 0.25, 1.0
_ENOUGH_SAMPLES = 10
# However bad one window was.
_STEEPEST = 0.5
# Of the time that is usual without load; less is noise.
_TOLERANCE = 1.5
_LEARNED_SHARE = 0.1
# Half as many under way that are not at least so much faster were not what made them slow.
_FASTER = 0.75
_REFUSED_SHARE, _ENOUGH_REFUSALS = 0.1, 5
INITIAL_LIMIT = 40


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """`target_seconds` is a latency that is fast enough in any case, `ceiling_seconds` one that is
    too slow, whatever the reason; in between it depends on what is usual without load."""

    target_seconds: float = 0.1
    ceiling_seconds: float = 1.0
    least: int = 4
    most: int = 128
    initial: int = INITIAL_LIMIT


class AdaptiveLimit:
    """`value` shrinks by the ratio of allowed to measured latency (the 90th percentile of a
    window), and grows by its square root; both only for as long as it is made use of.

    If half as many are no faster, the other side is slow by itself and not from too many requests:
    the latency then counts as usual. Refusals of the other side shrink the limit as well, so that
    in a chain the first one, for whom it is the cheapest, learns to refuse.
    """

    def __init__(self, settings: LimitSettings, clock: Clock = time.monotonic) -> None:
        self.settings, self._clock = settings, clock
        self.value = float(settings.initial)
        # The usual latency without load; zero while there was none.
        self.baseline = 0.0
        # As a run of slow windows began: limit and latency.
        self._trial: tuple[float, float] | None = None
        self._shrunk_at = float("-inf")
        self._samples, self._peak, self._refused = list[float](), 0, 0
        self._began = clock()

    @property
    def allowed_seconds(self) -> float:
        usual = max(self.settings.target_seconds, _TOLERANCE * self.baseline)
        return min(self.settings.ceiling_seconds, usual)

    def note(self, seconds: float, in_flight: int) -> None:
        """A request took so long, and with it so many were under way."""
        now = self._clock()
        if now - seconds < self._shrunk_at:
            return  # how long it took came from how it was before
        self._samples.append(seconds)
        if in_flight > self._peak:
            self._peak = in_flight
        lasted = now - self._began
        enough = len(self._samples) >= _ENOUGH_SAMPLES and lasted >= _WINDOW_SECONDS
        if enough or lasted >= _LONGEST_WINDOW_SECONDS:
            before = self.value
            self._adapt()
            if self.value < before:
                self._shrunk_at = now
            self._begin(now)

    def note_refusal(self) -> None:
        """The other side refused it, for whatever it does not say."""
        self._refused += 1

    def _begin(self, now: float) -> None:
        self._began, self._samples, self._peak, self._refused = now, list[float](), 0, 0

    def _adapt(self) -> None:
        samples = sorted(self._samples)
        latency, refused = samples[int(0.9 * (len(samples) - 1))], self._refused / len(samples)
        slow, loaded = latency > self.allowed_seconds, self._peak > self.value / 2
        if not slow:
            self._trial = None
        if refused > _REFUSED_SHARE and self._refused >= _ENOUGH_REFUSALS:
            self.value *= 1 - min(1.0, refused) / 2
        elif slow and loaded:
            self._shrink(latency)
        elif not slow and (self._peak >= 0.75 * self.value or self.value < self.settings.initial):
            self.value += math.sqrt(self.value)
        self._learn(latency, loaded=loaded)
        self.value = min(max(self.value, self.settings.least), self.settings.most)

    def _shrink(self, latency: float) -> None:
        if self._trial is None:
            self._trial = self.value, latency
        before, slow = self._trial
        halved = self.value <= max(before / 2, self.settings.least)
        if halved and latency > _FASTER * slow and latency <= self.settings.ceiling_seconds:
            self.baseline, self.value, self._trial = latency, before, None
        else:
            self.value *= max(_STEEPEST, self.allowed_seconds / latency)

    def _learn(self, latency: float, *, loaded: bool) -> None:
        if latency < self.baseline or not (self.baseline or loaded):
            self.baseline = latency
        elif not loaded:
            self.baseline += _LEARNED_SHARE * (latency - self.baseline)
