"""`python -m tools.service_alert [--check]`: write the alert on services that no longer report, and
its test, for each in `contracts.services`; or complain if what is there differs."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.services import SERVICE_NAMES

OBSERVABILITY = Path(__file__).parents[1] / "observability"
_HEAD = "# Written by `python -m tools.service_alert` from contracts/services.py.\n"
# A missing series has no labels but those that its selector names: one `absent` for each service.
_RULE = """\
groups:
  - name: services
    rules:
      - alert: ServiceSilent
        # Pushed metrics have no `up`. Every process reports its age from the first export on.
        expr: >-
          {conditions}
        for: 2m
        labels: {{severity: page}}
        annotations:
          summary: "No replica of {{{{ $labels.service_name }}}} reports"
          description: >-
            `docker compose ps {{{{ $labels.service_name }}}}` says whether it runs. If it does,
            look at the collector: TelemetryNotDelivered, TelemetryRefused.
"""
_TEST = """\
rule_files: [../alerts/services.yaml]
evaluation_interval: 15s
tests:
  - interval: 15s
    name: a service that reports no more
    input_series:
{series}
      # One replica of two is gone after two minutes, the other after five.
      - {{series: 'process_uptime_seconds{{service_name="{last}",service_instance_id="one"}}', values: "0+15x8"}}
      - {{series: 'process_uptime_seconds{{service_name="{last}",service_instance_id="two"}}', values: "0+15x20"}}
    alert_rule_test:
      - {{groupname: services, alertname: ServiceSilent, eval_time: 5m}}
      - groupname: services
        alertname: ServiceSilent
        eval_time: 14m
        exp_alerts:
          - exp_labels: {{severity: page, service_name: {last}}}
            exp_annotations: {{summary: "No replica of {last} reports"}}
"""  # noqa: E501 - as long as the file's other lines


def render() -> Mapping[Path, str]:
    selectors = [f'process_uptime_seconds{{service_name="{name}"}}' for name in SERVICE_NAMES]
    conditions = "\n          or ".join(f"absent({selector})" for selector in selectors)
    steady = [f"      - {{series: '{one}', values: \"0+15x60\"}}" for one in selectors[:-1]]
    test = _TEST.format(series="\n".join(steady), last=SERVICE_NAMES[-1])
    return {
        OBSERVABILITY / "alerts" / "services.yaml": _HEAD + _RULE.format(conditions=conditions),
        OBSERVABILITY / "alert-tests" / "services.yaml": _HEAD + test,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.service_alert", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args(arguments).check:
        for path, text in render().items():
            path.write_text(text, encoding="utf-8")
        return 0
    wrong = [path for path, text in render().items() if path.read_text(encoding="utf-8") != text]
    for path in wrong:
        name = path.relative_to(OBSERVABILITY.parent)
        print(f"{name} is not what `python -m tools.service_alert` writes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
