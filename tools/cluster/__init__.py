"""Kubernetes on this machine for development and tests, from binaries built here."""
