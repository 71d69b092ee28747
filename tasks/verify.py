"""verify: is what is in the warehouse sound, and what the files say?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sigid.errors import DamageFound, SettingError, SigidError
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tasks.acting import SHOWS, action, tell, there
from tasks.helping import examples, option

if TYPE_CHECKING:
    from sigid.pipeline.verify import Sample

_PARAMS = [
    option(
        "source",
        [],
        "hold it against the files of this source alone; may be given several times (all)",
        name="sources",
    ),
    option("sample", "", "read no more than so many files of each source again, chosen at random (all)"),
    option("seed", "", "choose the same files as the verification that told this seed"),
]


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task for all sources: they share a warehouse."""
    yield {
        "basename": "verify",
        "doc": "hold the warehouse against itself and against the files; write nothing, fail where anything is wrong",
        "actions": [(_verify, [settings])],
        "params": _PARAMS,
        **examples(
            ("", "read everything again, which takes as long as a first load"),
            ("--source source_a --sample 1000", "read a part of it"),
        ),
        **SHOWS,
    }


@action
def _verify(settings: Settings, sources: list[str], sample: str, seed: str) -> SigidError | None:
    chosen, of_files = _named(sources), _sample(sample, seed)
    there(settings)
    from sigid.pipeline.verify import Verification
    from sigid.report import findings
    from sigid.report.progress import progress

    verification = Verification(settings, chosen, of_files)
    for finding in verification.findings(lambda what: progress(what, sys.stdout)):
        tell(findings.line(finding))
    of_seed = f" (at most {of_files.size} of each source, --seed {of_files.seed})" if of_files else ""
    tell(findings.summary(verification.checked, of_seed))
    wrong = verification.checked["wrong"]
    return DamageFound(f"{wrong} found wrong, as told above") if wrong else None


def _named(names: list[str]) -> list[Source]:
    by_name = {source.name: source for source in SOURCES}
    for name in names:
        if name not in by_name:
            raise SettingError(f"--source={name!r} is no source; there are {', '.join(by_name)}")
    return [source for source in SOURCES if not names or source.name in names]


def _sample(size: str, seed: str) -> Sample | None:
    from sigid.pipeline.verify import Sample

    if not size:
        return None
    if not (size.isascii() and size.isdecimal() and len(size) < 10):
        raise SettingError(f"--sample={size!r} is no number of files; leave it out to have all read")
    return Sample(int(size), seed or os.urandom(4).hex())
