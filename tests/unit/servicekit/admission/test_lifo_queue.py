"""Who waits to be admitted, against a plain list."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from servicekit.admission.lifo_queue import LifoQueue, QueueSettings
from tests.clocks import STATEFUL

SETTINGS = QueueSettings(length=5, seconds=0.1)


class Waiting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queue, self.now, self.number = LifoQueue[int](SETTINGS), 1000.0, 0
        # In the order in which they came.
        self.here: list[tuple[float, int]] = []

    @rule()
    def join(self) -> None:
        self.number += 1
        left = self.queue.push(self.number, self.now)
        self.here.append((self.now, self.number))
        assert left == (self.here.pop(0)[1] if len(self.here) > SETTINGS.length else None)

    @rule()
    def take(self) -> None:
        taken = self.queue.pop()
        assert taken == (self.here.pop()[1] if self.here else None), "the last to come is first"

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(self.here))
        self.queue.remove(pair[1])
        self.here.remove(pair)

    @rule(seconds=st.sampled_from([0.001, 0.003, 0.02, 0.05, 0.11]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        longest = self.queue.max_wait(self.now)
        gone = list(self.queue.expire(self.now))
        expected = [one for since, one in self.here if since <= self.now - longest]
        assert gone == expected
        del self.here[: len(expected)]

    @invariant()
    def knows_when_to_look_again(self) -> None:
        assert len(self.queue) == len(self.here) <= SETTINGS.length
        expiry = self.queue.next_expiry(self.now)
        assert (expiry is None) == (not self.here)
        if expiry is not None:
            assert self.now <= expiry <= self.now + SETTINGS.seconds


TestWaiting = Waiting.TestCase
TestWaiting.settings = STATEFUL


def test_over_a_burst_one_waits_and_under_lasting_load_hardly() -> None:
    queue, now = LifoQueue[int](SETTINGS), 1000.0
    queue.push(0, now)
    assert queue.max_wait(now) == SETTINGS.seconds
    for number in range(1, 100):  # one every 2 ms: the line is never empty
        now += 0.002
        queue.push(number, now)
        list(queue.expire(now))
    assert queue.max_wait(now) < 0.005
    now += 0.2
    list(queue.expire(now))
    queue.push(100, now)
    assert queue.max_wait(now) == SETTINGS.seconds, "it had been empty"
    assert queue.stood_lately(now)
    list(queue.expire(now + 0.1))
    assert queue.stood_lately(now + 0.1), "who may not wait leaves it empty"
    assert not queue.stood_lately(now + 1.2)
