"""Loads SOURCE_A in small batches, and says after each of them how many of how many files are committed by then.

`python -m dev.campaigns.loader BATCH [wait]`; the settings are in the environment. With `wait` it stops after the first
batch for good. It is for campaigns that must know what was reported as committed, or must meet a load half done.
"""

from __future__ import annotations

import os
import sys
import time

from sigid.pipeline import load as load_module
from sigid.pipeline import study, workers
from sigid.pipeline.load import load
from sigid.settings import Settings
from sigid.sources.source_a import SourceA


def main(batch: str, *waits: str) -> None:
    """Load, by as many processes as the settings say, however few files there are."""
    study.BATCH_FILES = load_module.TRANSACTION_FILES = int(batch)
    workers.FILES_WORTH_A_PROCESS = int(batch)

    def told(done: int, total: int) -> None:
        os.write(1, f"{done} of {total}\n".encode())
        if waits:
            time.sleep(600)

    load(SourceA(), Settings.read(), progress=told)


if __name__ == "__main__":
    main(*sys.argv[1:])
