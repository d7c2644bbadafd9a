"""Builds every image that `compose.yaml` and the `Dockerfile` name from Debian packages and Go
modules, for places without an image registry. What cannot be built is named, never faked."""
