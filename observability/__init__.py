"""How the stack is watched: configuration of collector, stores, alerts and Grafana, and the
dashboards as Python."""
