"""Admission control: what keeps a service useful when more is asked of it than it can do."""
