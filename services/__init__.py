"""The five services, one process each; none imports another."""
