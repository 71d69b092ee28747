"""doit as it is, but with batches of a few files: `python -m dev.campaigns.small_batches load_source_a`.

So a load that takes half a second commits as often as one of many thousands of files does.
"""

from __future__ import annotations

import runpy

from sigid.pipeline import load, study

FILES = 25

if __name__ == "__main__":
    study.BATCH_FILES = load.TRANSACTION_FILES = FILES
    runpy.run_module("doit", run_name="__main__", alter_sys=True)
