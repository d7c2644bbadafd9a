"""What an operator runs now and then, beside the services: `python -m housekeeping`."""
