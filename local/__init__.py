"""The embedded run: every part of the shop as a process of this machine, started by one command."""
