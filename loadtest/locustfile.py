"""The load run as Locust sees it: `make load`, `docker compose --profile load up`, or Locust's
own command line and web page with this file.

One Locust user per process is the generator that sends this process's share of the plan. Locust
carries the plan to its workers and adds their statistics up; the step is the request's type there.
"""

import logging
import time
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import locust
import locust.stats
from locust import LoadTestShape, User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

from loadtest.arrivals import Generator
from loadtest.figures import bucket
from loadtest.objectives import EXIT_INVALID
from loadtest.options import add_options, plan_from, require_allowed, require_sane
from loadtest.plan import Plan, PlanRefused
from loadtest.run import Run, find_watches, known_shop
from loadtest.usage import reader_for

logger = logging.getLogger("loadtest")

# Between the order to begin and the first start: every worker must have got it by then.
_START_DELAY_SECONDS, _START_DELAY_ALONE_SECONDS = 2.0, 0.3
# Workers that come later than this after the one before them take no part.
_GATHER_SECONDS = 3.0
_ALONE = "alone"
_REPORT = "arloji_report"

# A way that Locust documents, so that its tables and its report are as exact as the verdict.
locust.stats.bucket_response_time = bucket

events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser))


class State:
    """Of this process: the run that it is master of, the generator that it is, or both."""

    run: Run | None = None
    generator: Generator | None = None
    begins_at = 0.0

    def report(self) -> dict[str, Any] | None:
        if self.generator is None:
            return None
        return {**self.generator.report(), "begins_at": self.begins_at}


_state = State()


@events.init.add_listener
def _on_init(environment: Environment, **_: Any) -> None:
    # Locust's tables of the whole run would hide what our report says step by step.
    logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)
    if isinstance(environment.runner, WorkerRunner):
        # What a worker saw is in the master's verdict.
        environment.process_exit_code = 0
        return
    require_sane(environment.parsed_options, environment.host)
    # Until there is a verdict.
    environment.process_exit_code = EXIT_INVALID


class Profile(LoadTestShape):
    """As many users as there are generators, until all of them have sent their shares."""

    def tick(self) -> tuple[int, float] | None:
        runner, now = self.runner, time.time()
        assert runner is not None
        if _state.run is None:
            try:
                _state.run = _prepare(runner)
            except PlanRefused as error:
                logger.error(error)
                return None
        run = _state.run
        _take_reports(run, runner)
        run.sample(now)
        if run.is_over(now):
            return None
        return len(run.generators), len(run.generators)


def _prepare(runner: Runner) -> Run:
    options = runner.environment.parsed_options
    plan = plan_from(options)
    url = require_allowed(runner.environment.host, options)
    reader = reader_for(getattr(options, "usage", ""))
    watches = find_watches(url, logger.info)
    generators = _gather(runner) if isinstance(runner, MasterRunner) else [_ALONE]
    return Run(plan, url, watches, generators, f"Locust {locust.__version__}", reader)


def _gather(master: MasterRunner) -> list[str]:
    known, since = 0, time.monotonic()
    while not known or time.monotonic() < since + _GATHER_SECONDS:
        if len(master.clients.ready) != known:
            known, since = len(master.clients.ready), time.monotonic()
        gevent.sleep(0.2)
    return [worker.id for worker in master.clients.ready]


def _take_reports(run: Run, runner: Runner) -> None:
    if isinstance(runner, MasterRunner):
        present = {worker.id for worker in runner.clients.all if worker.state != "missing"}
        for generator in set(run.generators) - present:
            run.lose(generator)
    elif report := _state.report():
        run.take(_ALONE, report)


@events.test_start.add_listener
def _on_start(environment: Environment, **_: Any) -> None:
    if _state.run is not None:
        # Locust sends these options to each worker with its order to begin.
        alone = _state.run.generators == [_ALONE]
        at = time.time() + (_START_DELAY_ALONE_SECONDS if alone else _START_DELAY_SECONDS)
        environment.parsed_options.arloji = _state.run.begin(at)


class Guests(User):
    """All guests of one process."""

    @task
    def send_share(self) -> None:
        environment = self.environment
        message = environment.parsed_options.arloji
        runner = environment.runner
        name = runner.client_id if isinstance(runner, WorkerRunner) else _ALONE
        if name in message["generators"]:
            # Also here: it is this process that sends.
            url = require_allowed(message["url"], environment.parsed_options)
            plan = Plan.from_dict(message["plan"])
            generator = Generator(plan, url, known_shop(message), self._tell_locust)
            _state.generator, _state.begins_at = generator, message["begins_at"]
            generator.run(
                time.monotonic() + message["begins_at"] - time.time(),
                message["generators"].index(name),
                len(message["generators"]),
            )
        # Locust would send it again.
        gevent.event.Event().wait()

    def _tell_locust(
        self, step: int, name: str, seconds: float | None, length: int, failure: str
    ) -> None:
        self.environment.events.request.fire(
            request_type=str(step),
            name=name,
            response_time=None if seconds is None else seconds * 1000,
            response_length=length,
            exception=failure or None,
            context={},
        )


@events.report_to_master.add_listener
def _on_report(data: dict[str, Any], **_: Any) -> None:
    if report := _state.report():
        data[_REPORT] = report


@events.worker_report.add_listener
def _on_worker_report(client_id: str, data: dict[str, Any], **_: Any) -> None:
    if _state.run is not None and _REPORT in data:
        _state.run.take(client_id, data[_REPORT])


@events.test_stop.add_listener
def _on_stop(environment: Environment, **_: Any) -> None:
    run, _state.run = _state.run, None
    if run is None or not run.begins_at:
        return
    _take_reports(run, environment.runner)
    stats = environment.stats
    result = run.result(stats.entries.values(), stats.errors.values())
    print(f"\n{result.text()}", flush=True)
    folder = result.save(Path(environment.parsed_options.results))
    print(f"Report, figures and plot are in {folder}", flush=True)
    environment.process_exit_code = result.verdict.exit_code
