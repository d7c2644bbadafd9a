"""The orders that could not be stored, and the command to look at them, send them again, or give
them up."""
