"""Why a command of housekeeping could not do its work."""


class CouldNot(Exception):
    """One sentence that says what is in the way and what to do about it."""
