"""A run is judged step by step: pass, fail, or invalid where the generator was measured."""

import pytest

from loadtest.figures import Figures, Outcome
from loadtest.objectives import judge
from tests.unit.loadtest.made_figures import PLAN, add, healthy

# So many requests more than in a healthy run (3000 in each of its steps) → each step's outcome,
# and what the step says that does not pass.
CASES = """
0    | 1 | product          | 10   | answered      | pass pass pass    |
1000 | 2 | search page      | 600  | answered      | pass fail pass    | pages: p99 600 ms > 500 ms
1000 | 2 | order status     | 254  | answered      | pass fail pass    | reads: p99 254 ms > 250 ms
1000 | 2 | order by program | 600  | answered      | pass fail pass    | orders: p99 600 ms > 500
1000 | 2 | order completed  | 6000 | answered      | pass fail pass    | completions: p99 6000 ms
10   | 1 | product page     | 3000 | answered      | pass pass pass    |
20   | 1 | product page     | 3000 | answered      | fail pass pass    | pages: p99 3000 ms > 500 ms
3    | 3 | product          | 10   | 429           | pass pass pass    |
4    | 3 | product          | 10   | 429           | pass pass fail    | 429: 4 of 3004 > 0.1%
3    | 3 | product          | 10   | 5xx           | pass pass pass    |
4    | 3 | product          | 10   | 5xx           | pass pass fail    | errors: 4 of 3004 > 0.1%
4    | 3 | product          | 10   | 4xx           | pass pass fail    | errors: 4 of 3004 > 0.1%
4    | 3 | product          | 10   | connection    | pass pass fail    | errors: 4 of 3004 > 0.1%
4    | 3 | product          | 10   | timeout       | pass pass fail    | errors: 4 of 3004 > 0.1%
4    | 3 | product          | 10   | wrong content | pass pass fail    | errors: 4 of 3004 > 0.1%
1    | 1 | order completed  | 10   | wrong content | fail pass pass    | orders that did not end: 1
61   | 2 | product page     | 10   | late          | pass pass pass    |
62   | 2 | product page     | 10   | late          | pass invalid pass | missed 62 of 3062 starts
500  | 1 | cart page        | 10   | given up      | pass pass pass    |
100  | 1 | cart page        | 10   | never started | invalid pass pass | missed 100 of 3100 starts
5000 | 0 | product page     | 9000 | 5xx           | pass pass pass    |
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines(), ids=lambda line: line[:50])
def test_a_step_is_judged_by_its_own_figures(case: str) -> None:
    count, step, name, milliseconds, kind, outcomes, sentence = map(str.strip, case.split("|"))
    figures = healthy()
    if kind in ("given up", "never started"):
        figures.tally(int(step), name).planned += int(count)
        figures.tally(int(step), name).given_up += int(count) * (kind == "given up")
    else:
        late, outcome = kind == "late", Outcome.ANSWERED if kind == "late" else Outcome(kind)
        changed = {"step": int(step), "name": name, "milliseconds": float(milliseconds)}
        add(figures, int(count), **changed, outcome=outcome, late=late)  # type: ignore[arg-type]
    verdict = judge(PLAN, figures)
    assert " ".join(one.outcome for one in verdict.steps) == outcomes
    said = [text for one in verdict.steps for text in (*one.faults, *one.failures)]
    assert sentence in "".join(said[:1])
    assert verdict.exit_code == (3 if "invalid" in outcomes else 1 if "fail" in outcomes else 0)
    # What is carried is the rate before the first step that does not pass.
    passed = len(outcomes.partition("fail")[0].partition("invalid")[0].split())
    assert verdict.last_pass == (verdict.steps[passed - 1] if passed else None)
    assert bool(verdict.first_fail) == ("fail" in outcomes)


def test_a_step_without_a_start_and_a_generator_that_was_lost_make_a_run_invalid() -> None:
    verdict = judge(PLAN, add(Figures(), 1000))
    assert [step.outcome for step in verdict.steps] == ["pass", "invalid", "invalid"]
    assert verdict.exit_code == 3
    assert judge(PLAN, healthy(), ["generator 2 of 2 did not report its end"]).exit_code == 3
    assert judge(PLAN, Figures()).faults == ("nothing was started",)
