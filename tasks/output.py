"""The folders that tasks write as a whole, and how `doit clean` removes them."""

from __future__ import annotations

from pathlib import Path


def remove_output(folder: Path, what: str, dryrun: bool) -> None:
    """Remove such a folder, and what killed tasks have left of it; what else stands there stays."""
    from sigid.errors import SigidError
    from sigid.folder import WholeFolder

    place = WholeFolder(Path(folder.absolute()), what)
    try:
        place.refuse_other()
        for each in (place.path, *place.leftovers):
            if each.exists():
                print(f"{what} - removing folder '{each}'")  # noqa: T201  # as doit's own clean does
        if not dryrun:
            place.remove()
    except (SigidError, OSError) as error:
        raise SystemExit(f"{what} is not cleaned: {error}") from error
