"""The command line of the maker: `python -m dev.samples --help`."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dev.arguments import at_least

from . import source_a, source_b
from .sample import Order
from .write import clear, write

DATASETS = {dataset.name: dataset for dataset in (source_a.DATASET, source_b.DATASET)}

log = logging.getLogger("dev.samples")


def main(arguments: Sequence[str]) -> None:
    """Make the datasets that the arguments ask for."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted = _parser().parse_args(arguments)
    defects = wanted.files is None if wanted.defects is None else wanted.defects
    order = Order(wanted.seed, wanted.files, defects, wanted.wrong_count)
    workers = min(wanted.workers, 1 + (wanted.files or 0) // 1000)
    for name in wanted.source or DATASETS:
        begun = time.monotonic()
        root = wanted.out / name
        try:
            clear(DATASETS[name], root)
        except FileExistsError as error:
            sys.exit(str(error))
        files = write(DATASETS[name], order, root, _command(order), workers)
        log.info("%s: %s files in %.1f s", root, f"{files:,}", time.monotonic() - begun)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dev.samples",
        description="Make sample datasets of invented signatures; the same options give the same files.",
    )
    parser.add_argument("--out", type=Path, default=Path("datasets"), help="folder for the datasets (%(default)s)")
    parser.add_argument("--source", action="append", choices=DATASETS, help="only this one; may be given again")
    parser.add_argument("--seed", type=int, default=1, help="other people with another seed (%(default)s)")
    parser.add_argument(
        "--files", type=at_least(5), help="so many sound signatures a source; without: the small datasets"
    )
    parser.add_argument(
        "--defects",
        action=argparse.BooleanOptionalAction,
        help="add the deliberately wrong files (without --files: yes)",
    )
    parser.add_argument("--wrong-count", action="store_true", help="make SOURCE_B's INDEX contradict itself")
    parser.add_argument("--workers", type=at_least(1), default=os.cpu_count() or 1, help="processes (%(default)s)")
    return parser


def _command(order: Order) -> str:
    """The command that makes the same again, for the README."""
    words = ["python", "-m", "dev.samples", "--seed", str(order.seed)]
    if order.files is not None:
        words += ["--files", str(order.files)]
    if order.defects != (order.files is None):
        words += ["--defects" if order.defects else "--no-defects"]
    if order.wrong_count:
        words += ["--wrong-count"]
    return shlex.join(words)


if __name__ == "__main__":
    main(sys.argv[1:])
