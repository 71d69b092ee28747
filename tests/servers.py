"""What the tests' database servers have in common."""

from __future__ import annotations

import ctypes
import signal
import socket
from contextlib import suppress

PASSWORD = "S3cret Pw/ä"  # noqa: S105  # nobody's


def end_with_parent() -> None:
    """Have the system end this process should the tests be killed."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
