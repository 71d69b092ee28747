"""From plan to disk, with as many processes as help."""

from __future__ import annotations

import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from . import readme
from .sample import Dataset, Order


def clear(dataset: Dataset, root: Path) -> None:
    """Remove what an earlier run made at `root`.

    Raises FileExistsError if something else stands there: its README does not say that it was made.
    """
    if not root.exists():
        return
    try:
        made = (root / "README.md").read_text(encoding="utf-8").startswith(readme.title(dataset))
    except OSError:
        made = False
    if not made:
        raise FileExistsError(f"{root} was not made by dev.samples: move it away, or choose another folder with --out")
    shutil.rmtree(root)


def write(dataset: Dataset, order: Order, root: Path, command: str, workers: int) -> int:
    """Write a dataset into the new folder `root`; return the number of files, its README not counted.

    Each worker walks the whole plan and makes its share of it: nothing but the order travels between them, and none
    holds more than one file at a time.
    """
    root.mkdir(parents=True)
    text = readme.render(dataset, command, dataset.plan(order))
    (root / "README.md").write_text(text, encoding="utf-8", newline="\n")
    work = partial(_write_share, dataset, order, root, workers)
    if workers == 1:
        return work(0)
    with ProcessPoolExecutor(workers) as pool:
        return sum(pool.map(work, range(workers)))


def _write_share(dataset: Dataset, order: Order, root: Path, workers: int, share: int) -> int:
    written = 0
    folders: set[Path] = set()
    for sample in islice(dataset.plan(order), share, None, workers):
        if sample.make is None:
            continue
        path = root / sample.path
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        path.write_bytes(sample.make())
        written += 1
    return written
