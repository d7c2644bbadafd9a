"""What the services share and that knows nothing of orders."""
