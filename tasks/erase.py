"""erase: have a person, or a signature, gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sigid.errors import SettingError, SigidError
from sigid.settings import Settings
from tasks.acting import SHOWS, action, tell, there
from tasks.helping import examples, option

_PARAMS = [
    option(
        "signee",
        [],
        "erase this signee (SOURCE/collection/number, or his id), and every forgery of his signature",
        name="signees",
    ),
    option("signature", [], "erase the signature of this id", name="signatures"),
    option("in-advance", False, "also where nothing is known of him yet: what comes of him is left out"),
    option("dry-run", False, "tell what would go, and write nothing"),
    option(
        "export", "", "write all erasures, without a name or an id, to this file, to be applied to a restored backup"
    ),
    option("apply", "", "erase what the erasures in this file, which --export has written, say"),
]


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """The task; without an option it finishes what was begun."""
    yield {
        "basename": "erase",
        "doc": "erase a person or a signature, and have it not come back",
        "actions": [(_erase, [settings])],
        "params": _PARAMS,
        **examples(
            ("--signee source_a/online/genuine/1 --dry-run", "tell what would go"),
            ("--signee source_a/online/genuine/1", "have it gone"),
            ("--signee source_a/online/genuine/4711 --in-advance", "have him left out when he comes"),
            ("--export erasures", "take what was erased to a backup that is restored"),
            ("--apply erasures", "erase it there as well"),
            ("", "finish what was begun"),
        ),
        **SHOWS,
    }


@action
def _erase(
    settings: Settings,
    signees: list[str],
    signatures: list[str],
    in_advance: bool,
    dry_run: bool,
    export: str,
    apply: str,
) -> SigidError | None:
    from sigid.pipeline import erase, wanted
    from sigid.report import erasure

    if export or dry_run or not (apply or (in_advance and (signees or signatures))):
        there(settings)
    if export:
        _refuse(signees or signatures or apply or dry_run, "--export writes what was erased before; say it alone")
        count = wanted.export(settings, Path(export))
        sys.stdout.write(f"{count} erasures are in {export}\n")
        return None
    _refuse(
        apply and (signees or signatures), "--apply erases what its file says; say it without --signee, --signature"
    )
    asked = wanted.exported(Path(apply)) if apply else wanted.named(signees, signatures, in_advance=in_advance)
    done = erase.rehearse(settings, asked) if dry_run else erase.erase(settings, asked)
    erasure.write(done.rows, done.files, done.indexes, done.doubts, done.in_advance, sys.stdout, is_done=not dry_run)
    _point_to(settings)
    return done.problem


def _point_to(settings: Settings) -> None:
    """Say where copies of what was erased may lie that anybody can make again."""
    for made in ("export", "report"):
        if (settings.build / made).exists():
            tell(f"{settings.build / made} was made before and may show what is erased; `doit clean {made}` removes it")


def _refuse(contradiction: object, words: str) -> None:
    if contradiction:
        raise SettingError(words)
