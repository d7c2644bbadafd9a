"""What the receiver keeps of a span, a log record and a metric series."""

from dataclasses import dataclass, field

# What CPython itself spends on a record with an origin of its own, rounded up.
_RECORD_BYTES = 1200


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Origin:
    """Who sent a record: resource and instrumentation scope, shared by all that it sends.

    `envelope` is a serialised `ResourceSpans` without spans; logs and metrics use the same form.
    """

    service: str
    instance: str
    scope: str
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """The fields that lists and trees need; `raw`, the serialised span, has all of them."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    started_ns: int
    ended_ns: int
    failed: bool
    order_id: str
    origin: Origin
    raw: bytes = field(repr=False)

    @property
    def service(self) -> str:
        return self.origin.service

    @property
    def duration_ns(self) -> int:
        return max(0, self.ended_ns - self.started_ns)

    @property
    def size(self) -> int:
        return len(self.raw) + 4 * len(self.name) + _overhead(self.origin)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record; `raw` is the serialised record with its attributes."""

    time_ns: int
    severity_number: int
    severity: str
    body: str
    trace_id: str
    span_id: str
    origin: Origin
    raw: bytes = field(repr=False)

    @property
    def service(self) -> str:
        return self.origin.service

    @property
    def size(self) -> int:
        return len(self.raw) + 4 * len(self.body) + _overhead(self.origin)


@dataclass(frozen=True, slots=True)
class Instrument:
    """A metric as its sender describes it."""

    name: str
    unit: str
    description: str
    kind: str
    temporality: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """The count of values per bucket. Bucket *i* holds values up to and including `bounds[i]`;
    one more bucket holds what is above the last bound."""

    count: int
    total: float
    bounds: tuple[float, ...]
    bucket_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """The latest point of one metric for one set of attributes."""

    instrument: Instrument
    origin: Origin
    attributes: tuple[tuple[str, str], ...]
    time_ns: int
    value: float | int | Histogram
    exemplar_trace_id: str
    payload_bytes: int

    @property
    def service(self) -> str:
        return self.origin.service

    @property
    def key(self) -> tuple[object, ...]:
        origin, name = self.origin, self.instrument.name
        return (origin.service, origin.instance, origin.scope, name, self.attributes)

    @property
    def size(self) -> int:
        # Parsed numbers are Python objects: several times their packed form.
        buckets = len(self.value.bucket_counts) if isinstance(self.value, Histogram) else 0
        return 6 * self.payload_bytes + 64 * buckets + _overhead(self.origin)


def _overhead(origin: Origin) -> int:
    """Each record pays for its origin as if it were the only one: the sum is an upper bound."""
    return len(origin.envelope) + _RECORD_BYTES
