"""Log files of the stores and of the ingress: renamed, compressed, gone after 90 days."""
