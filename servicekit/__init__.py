"""What the services share and that knows nothing of orders."""

# The release, as in pyproject.toml; tests compare the two.
__version__ = "0.1.0"
