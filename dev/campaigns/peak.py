"""A program that runs another: `python -m dev.campaigns.peak FILE COMMAND...` writes into FILE what memory that took.

It is the most that any single process took, in bytes: the command, or what it started, also where that outlives it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: whoever loses his parent is ours


def main(file: Path, command: list[str]) -> int:
    """Run it, and return how it ended."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(command)
    peak = code = 0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        peak = max(peak, usage.ru_maxrss * 1024)
        if pid == process.pid:
            process.returncode = code = os.waitstatus_to_exitcode(status)
    file.write_text(str(peak))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
