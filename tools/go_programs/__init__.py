"""Programs built from Go modules where they cannot be had as images or packages: the servers of
the stand-in images, and Kubernetes."""
