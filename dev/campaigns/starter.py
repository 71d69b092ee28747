"""Starts runs of doit out of a process that has imported all that they need, which is most of what a short one takes.

What is disturbed is always a process of its own. This is for the many runs that follow, and are to mend what was done:
each is a fork, made before doit has looked at anything.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from typing import IO

PROJECT = Path(__file__).parents[2]


def run(program: Sequence[str], environment: Mapping[str, str], seconds: int) -> tuple[int, str, str]:
    """The exit code, the output and the errors of `python -m` that program; one that takes longer is killed."""
    with _starter() as starter, TemporaryFile() as out, TemporaryFile() as err:
        code = starter.run(program, environment, seconds, out, err)
        return code, _text(out), _text(err)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="backslashreplace")


class _Starter:
    """The process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self._end)

    def run(
        self,
        program: Sequence[str],
        environment: Mapping[str, str],
        seconds: int,
        out: IO[bytes],
        err: IO[bytes],
    ) -> int:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both are pipes")
        streams = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        json.dump([program, dict(environment), seconds, streams], self._process.stdin)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def _end(self) -> None:
        self._process.communicate()


_idle: SimpleQueue[_Starter] = SimpleQueue()


@contextmanager
def _starter() -> Iterator[_Starter]:
    """One that nobody else uses meanwhile."""
    try:
        starter = _idle.get_nowait()
    except Empty:
        starter = _Starter()
    yield starter
    _idle.put(starter)


def _serve() -> None:
    """Read what is to be run, line by line, and answer with its exit code."""
    for line in sys.stdin:
        program, environment, seconds, streams = json.loads(line)
        if pid := os.fork():
            answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()
        else:
            signal.alarm(seconds)
            os.environ.clear()
            os.environ.update(environment)
            for stream, file in enumerate((os.devnull, *streams)):
                os.dup2(os.open(file, os.O_RDWR), stream)
            sys.argv = list(program)
            runpy.run_module(program[0], run_name="__main__", alter_sys=True)
            return


if __name__ == "__main__":
    import doit.doit_cmd  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401

    import sigid.pipeline.current
    import sigid.pipeline.load
    import sigid.report.progress
    import sigid.warehouse.schema
    import sigid.warehouse.sqlite  # noqa: F401

    _serve()
