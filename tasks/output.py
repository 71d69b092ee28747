"""The folders that tasks write as a whole, and how `doit clean` removes what can be made again."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

from doit.cmd_clean import Clean


def clean_everything() -> None:
    """Have `doit clean` without a name clean all tasks: doit itself cleans what `doit` alone would run."""
    clean = Clean._execute  # doit has no setting that leaves alone who names a task

    @wraps(clean)
    def clean_all(command: Any, **options: Any) -> None:
        clean(command, **options | {"cleanall": options["cleanall"] or not options["pos_args"]})

    Clean._execute = clean_all


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
