"""The Grafana dashboards as Python: `python -m observability.dashboards` writes their JSON."""
