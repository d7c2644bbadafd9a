"""Kubernetes on this machine, from the programs of tools/go_programs: a control plane with nodes
that only pretend to run pods, and a node that does."""
