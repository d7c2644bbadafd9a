"""Which signals a process handles."""

import signal


def not_ignored(*numbers: signal.Signals) -> list[signal.Signals]:
    """Without those that the parent process ignores: `nohup` means that SIGHUP ends nothing, and a
    shell without job control that Ctrl-C is not for what runs in its background."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
