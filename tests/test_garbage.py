"""Python looks for garbage as often as before, after it was to look rarely."""

from __future__ import annotations

import gc
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


def test_what_the_process_passes_over_already_it_passes_over_ever_after() -> None:
    """At the end of a process that had loaded, Python looked through everything once more: 20 ms of each load."""
    gc.freeze()
    try:
        passed_over = gc.get_freeze_count()

        with rarely_collected(), rarely_collected():
            pass

        assert gc.get_freeze_count() >= passed_over
    finally:
        gc.unfreeze()
