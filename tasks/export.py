"""export: take signatures away, as files that other tools read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sigid.settings import Settings
from tasks.acting import SHOWS, action, tell, there
from tasks.helping import examples, option
from tasks.output import remove_output


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """The one task."""
    folder = _folder(settings)
    yield {
        "basename": "export",
        "doc": "take signatures away as Parquet files, with splits and a manifest",
        "actions": [(_export, [settings])],
        "params": [
            option("folder", "", f"where to, in the place of an earlier export ({folder})"),
            option("source", "", "only this source, such as source_a"),
            option("images", False, "with the pictures' files, read where they were loaded from"),
            option("pseudonymise", False, "with pseudonyms for all names and numbers, and in another order"),
            option("key-file", "", "keep the key of the pseudonyms in this file, or use the one in it"),
            option("seed", "0", "any text; another one puts other signees into the splits (0)"),
            option("shares", "80,10,10", "shares of the signees for train, validation and test (80,10,10)"),
        ],
        "clean": [(remove_output, [_folder(settings), "export"])],
        **examples(
            ("", "all sources, without the pictures' files"),
            ("--source source_a --images", "one source, with them"),
            ("--images --pseudonymise --folder shared", "to be given to others"),
        ),
        **SHOWS,
    }


def _folder(settings: Settings) -> Path:
    return settings.build / "export"


@action
def _export(
    settings: Settings,
    folder: str,
    source: str,
    images: bool,
    pseudonymise: bool,
    key_file: str,
    seed: str,
    shares: str,
) -> None:
    from sigid.export.export import Asked, export
    from sigid.export.split import Shares
    from sigid.report.progress import progress
    from sigid.warehouse.warehouse import open_warehouse

    asked = Asked(
        folder=Path(folder) if folder else _folder(settings),
        datasets=settings.datasets,
        source=source or None,
        images=images,
        pseudonymise=pseudonymise,
        key_file=Path(key_file) if key_file else None,
        seed=seed,
        shares=Shares.parse(shares),
    )
    with open_warehouse(there(settings)) as warehouse, progress("exporting", sys.stdout, "signatures") as show:
        exported = export(warehouse, asked, show)
    size = sum(file.size for file in exported.files)
    tell(
        f"{asked.folder}: {sum(exported.counts.values())} signatures, {len(exported.files)} files, {size} bytes; "
        "manifest.json says what they are"
    )
