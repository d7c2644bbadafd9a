"""The Grafana dashboards as Python: `python -m tools.dashboards` writes their JSON."""
