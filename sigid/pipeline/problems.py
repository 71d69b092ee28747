"""Why a source can't be loaded, or not all of it: what `load` and `plan` say alike."""

from __future__ import annotations

from sigid.errors import DatasetError, RemovalsWithheld, SigidError
from sigid.pipeline.changes import Removals
from sigid.pipeline.listing import Listing
from sigid.pipeline.study import Study
from sigid.pipeline.workplace import Workplace
from sigid.sources.base import EVERY_FOLDER, Source


def refuse_nothing(source: Source, listing: Listing, place: Workplace, *, allow_removals: bool = False) -> None:
    """Raise DatasetError where there is no file at all: more likely than not the dataset is elsewhere.

    A root that can't be read is refused whatever is allowed: nothing can be known to be gone from it.
    """
    if "" in listing.unreadable:
        raise DatasetError(
            f"{place.root} cannot be read ({listing.unreadable['']}); nothing was retired. "
            "Give this user the right to read it, or set SIGID_DATASETS to the folder that holds the dataset"
        )
    if allow_removals or listing.unreadable or not listing.is_empty():
        return
    folders = "folders" if EVERY_FOLDER in source.folders else ", ".join(source.folders)
    trouble = "is missing" if listing.root_missing else f"holds none of the source's files, which lie in {folders}"
    raise DatasetError(
        f"{place.root} {trouble}; nothing was retired. Put the dataset there, or set SIGID_DATASETS to the folder "
        "that holds it; if it is meant to be gone, load it with --allow-removals"
    )


def problem_with(study: Study, removals: Removals) -> SigidError | None:
    """Why a load can't do all that the files ask for, if it can't."""
    name, unreadable = study.source.name, study.listing.unreadable
    if removals.withheld:
        return RemovalsWithheld(
            f"{name}: {len(removals.withheld)} files are gone, such as {removals.withheld[0].path}, "
            f"and {removals.doubt}; nothing was retired. Bring them back, or load with --allow-removals"
        )
    if unreadable:
        folder, trouble = next(iter(unreadable.items()))
        return DatasetError(
            f"{name}: the folder {folder} could not be read ({trouble}); what it held stays as it was. "
            "Give this user the right to read it and run again"
        )
    if links := study.behind_links():
        link, files = links[0]
        return DatasetError(
            f"{name}: {link} is a symbolic link, and is not followed; the {files} files known there stay as they were. "
            "Put the folder itself there, or mount it, and run again"
        )
    return None
