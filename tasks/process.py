"""The process that doit runs in: what it leaves readable, what it writes to, and how it is stopped."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType

_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def prepare() -> None:
    """Make it private, sure of its streams, and stoppable without a traceback."""
    os.umask(0o077)  # what doit itself writes tells of the data, too
    _mend_streams()
    _Stop().take_over()


def _mend_streams() -> None:
    """Have the three streams there, if only to write to nobody, and have them take any character."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class Stopped(SystemExit):
    """Ends the process with one line on stderr."""


class _Stop:
    """Ends the process in one line, its work put away cleanly; whoever sends the same signal again, at once."""

    def __init__(self) -> None:
        self._number: int | None = None

    def take_over(self) -> None:
        for stop in _STOPS:
            if signal.getsignal(stop) is not signal.SIG_IGN:  # as nohup has it
                signal.signal(stop, self._stop)
        signal.signal(signal.SIGALRM, self._raise)
        sys.unraisablehook = self._lost

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._number is None:
            self._number = number
            self._raise(number, frame)
        elif self._number == number:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(self._number).name
        raise Stopped(f"stopped by {name}; what was committed stands, and the next run does the rest")

    def _lost(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Raise it a moment later where it came up in a callback, out of which Python lets nothing."""
        if isinstance(unraisable.exc_value, Stopped):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            sys.__unraisablehook__(unraisable)
