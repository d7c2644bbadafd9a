"""The alert on a service of which no replica reports any more."""

from contracts.services import SERVICE_NAMES

# Four exports in a row. Together with the delays of observability.md this stays below two minutes.
_SILENT_SECONDS = 45
# Pushed metrics have no `up`, and a replaced container leaves a series behind: of all, the newest
# sample counts. Who never reported at all, or not for an hour, has no series: one `absent` for
# each, but not in the first minutes of a stack.
_RULES = """\
groups:
  - name: services
    rules:
      - alert: ServiceSilent
        # Every process reports its age each 10 s. Not while the collector, or the way from it, is what
        # is silent.
        expr: >-
          (
          time() - max by (service_name) (tlast_over_time(process_uptime_seconds{{service_name=~"{pattern}"}}[1h])) > {seconds}
          or ({absent})
          and on () present_over_time(up{{job="otel-collector"}}[10m] offset 5m)
          ) and on () min_over_time(up{{job="otel-collector"}}[1m]) == 1
        for: 15s
        labels: {{severity: page}}
        annotations:
          summary: "No replica of {{{{ $labels.service_name }}}} has reported for {{{{ $value | humanizeDuration }}}}"
          description: >-
            `docker compose ps {{{{ $labels.service_name }}}}` says whether it runs. If it does,
            look at the collector: TelemetryNotDelivered, TelemetryRefused.
          dashboard: "{{{{ $externalURL }}}}/d/arloji-overview"
          runbook_url: docs/runbooks/services.md#servicesilent
"""  # noqa: E501 - as long as the file's other lines
_TESTS = """\
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
      # When the collector is away, nobody can report; and it must be back for a minute.
      - {{series: 'up{{job="otel-collector"}}', values: "1x30 0x10 1x300"}}
    alert_rule_test:
      - {{groupname: services, alertname: ServiceSilent, eval_time: 5m45s}}
      - &silent
        groupname: services
        alertname: ServiceSilent
        eval_time: 6m30s
        exp_alerts:
          - exp_labels: {{severity: page, service_name: {last}}}
            exp_annotations: {{summary: "No replica of {last} has reported for 1m 30s"}}
      - {{groupname: services, alertname: ServiceSilent, eval_time: 8m30s}}
      - {{groupname: services, alertname: ServiceSilent, eval_time: 10m45s}}
      - <<: *silent
        eval_time: 11m30s
        exp_alerts:
          - exp_labels: {{severity: page, service_name: {last}}}
            exp_annotations: {{summary: "No replica of {last} has reported for 6m 30s"}}
      # After an hour there is no last sample any more.
      - <<: *silent
        eval_time: 70m
        exp_alerts:
          - exp_labels: {{severity: page, service_name: {last}}}
            exp_annotations: {{summary: "No replica of {last} has reported for 1h 0m 0s"}}
"""  # noqa: E501 - as long as the file's other lines


def render() -> tuple[str, str]:
    selectors = [f'process_uptime_seconds{{service_name="{name}"}}' for name in SERVICE_NAMES]
    absent = "\n          or ".join(f"absent_over_time({one}[1h]) * 3600" for one in selectors)
    rules = _RULES.format(pattern="|".join(SERVICE_NAMES), seconds=_SILENT_SECONDS, absent=absent)
    steady = [f"      - {{series: '{one}', values: \"0+15x300\"}}" for one in selectors[:-1]]
    return rules, _TESTS.format(series="\n".join(steady), last=SERVICE_NAMES[-1])
