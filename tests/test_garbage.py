"""Python looks for garbage as often as before, after it was to look rarely."""

from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import suppress

from sigid.pipeline.garbage import rarely_collected


def test_it_looks_rarely_until_the_end_however_that_comes() -> None:
    before = gc.get_threshold()

    with suppress(ZeroDivisionError), rarely_collected():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
        raise ZeroDivisionError

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_whoever_came_first_may_go_first() -> None:
    """A worker with several threads would have looked rarely ever after."""
    before = gc.get_threshold()
    first, second = rarely_collected(), rarely_collected()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > before[0]
    second.__exit__(None, None, None)

    assert gc.get_threshold() == before


def test_who_goes_first_leaves_the_others_what_they_pass_over() -> None:
    first, second = rarely_collected(), rarely_collected()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_freeze_count() > 0
    second.__exit__(None, None, None)

    assert gc.get_freeze_count() == 0


def test_at_the_end_of_the_process_nothing_is_looked_through_once_more() -> None:
    """Of each load 20 ms went into that, for what the system takes back anyway."""
    program = """
import atexit, gc
from sigid.pipeline.garbage import rarely_collected
from tasks import process

atexit.register(lambda: print(len(gc.get_objects())))
process.prepare()
with rarely_collected():
    pass
print(len(gc.get_objects()) > 1000)
"""
    before, at_the_end = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, check=True
    ).stdout.split()

    assert before == b"True"
    assert int(at_the_end) < 1000
