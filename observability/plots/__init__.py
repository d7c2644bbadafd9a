"""Plots of dashboards where no Grafana can be run: the figures are those of the panels' own queries
(tests/panel_data.py), the picture is Matplotlib's. `make screenshots` makes them."""
