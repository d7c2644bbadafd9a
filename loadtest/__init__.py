"""Load tests that users run against a shop: Locust sends a plan of arrivals."""
