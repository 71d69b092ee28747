"""The process that doit runs in: what it leaves readable, what it writes to, and how it is stopped."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from sigid.report.terminal import hand_over
from tasks.acting import words_for

_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def prepare() -> None:
    """Make it private, sure of its streams, and stoppable without a traceback."""
    gc.freeze()  # what is imported by now stays: to look through it for garbage takes 10 ms,
    atexit.register(gc.freeze)  # and at the end, once more, as long for all that there is by then
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
        at_once = sys.stdout.isatty()  # elsewhere what cannot be written is found out in `_hand_over`, and not before
        sys.stdout.reconfigure(errors="backslashreplace", write_through=False, line_buffering=at_once)
        atexit.register(_hand_over)


def _hand_over() -> None:
    """Write out what doit's own commands have written; where that fails, say so in one line and in the exit code."""
    try:
        hand_over(sys.stdout)
    except OSError as error:
        sys.stderr.write(f"{words_for(error)}\n")
        sys.stderr.flush()
        os._exit(1)  # by now there is no other way to say it


class Stopped(SystemExit):
    """Ends the process with one line on stderr, and everything put away on the way out."""


class _Stop:
    """Stops the process for whoever asks it to; who asks again in the same way has it end at once."""

    def __init__(self) -> None:
        self._asked = 0

    def take_over(self) -> None:
        for stop in _STOPS:
            if signal.getsignal(stop) is not signal.SIG_IGN:  # as nohup has it
                signal.signal(stop, self._hear)
        sys.unraisablehook = self._hear_again
        atexit.register(signal.signal, signal.SIGALRM, signal.SIG_IGN)  # by then there is nothing left to stop

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = number
            self._stop(number, frame)
        elif number == self._asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _hear_again(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Stop a moment later where that came in the middle of a callback, out of which Python lets nothing."""
        if isinstance(unraisable.exc_value, Stopped):
            signal.signal(signal.SIGALRM, self._stop)
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            sys.__unraisablehook__(unraisable)

    def _stop(self, _number: int, _frame: FrameType | None) -> NoReturn:
        name = signal.Signals(self._asked).name
        raise Stopped(f"stopped by {name}; what was committed stands, and the next run does the rest")
