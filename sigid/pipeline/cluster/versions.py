"""Who may work: those whose versions are the same."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import xxhash

from sigid.errors import SettingError
from sigid.pipeline.cluster.words import in_a_line
from sigid.sources.formats import Format

if TYPE_CHECKING:
    from distributed import Client

VERSIONS_SECONDS = 60
"""How long to wait until all workers have said which versions they have; it may be the first that they import."""

_READERS = ("numpy", "pillow", "xxhash")
_CARRIERS = ("dask", "distributed", "cloudpickle", "msgpack")
_SAME = "install the same sigid[cluster] there and start it again"

Versions: TypeAlias = Mapping[str, str]
"""Of what decides what a file is taken for, and of what carries it: each by its name."""


@cache
def ours() -> Versions:
    """This process's."""
    found = {"Python": _minor(platform.python_version()), "sigid": _code()}
    found |= {format_.value: str(format_.version) for format_ in Format}
    for package in (*_READERS, *_CARRIERS):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _code() -> str:
    """A digest of this sigid: a checkout has no other version."""
    package = Path(__file__).parents[2]
    digest = xxhash.xxh3_64()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


async def ask_workers(client: Client) -> Mapping[str, object]:
    """What the workers say of their versions, by their addresses; of one that can't, why. Raises TimeoutError."""
    answers: Mapping[str, object] = await asyncio.wait_for(client.run(ours, on_error="return"), VERSIONS_SECONDS)
    return answers


def refuse_workers(answers: Mapping[str, object]) -> None:
    """Raise SettingError for the first worker who has not answered with our own versions."""
    for worker, theirs in answers.items():
        if isinstance(theirs, OSError):
            continue  # it has died since
        if not isinstance(theirs, dict):
            raise SettingError(f"the worker {worker} cannot say which sigid it has ({in_a_line(theirs)}); {_SAME}")
        refuse(f"the worker {worker}", theirs, ours())


def refuse_scheduler(address: str, packages: Mapping[str, str | None]) -> None:
    """Raise SettingError where those of its packages that carry the work are not ours. It needs no sigid."""
    theirs = {name: packages.get(name) or "missing" for name in _CARRIERS}
    theirs["Python"] = _minor(packages["python"] or "")
    refuse(f"the scheduler {address}", {**ours(), **theirs}, ours())


def refuse(who: str, theirs: Versions, of_loader: Versions) -> None:
    """Raise SettingError for the first that is not the same there as at who loads."""
    for name in dict.fromkeys((*of_loader, *theirs)):
        there, here = theirs.get(name, "missing"), of_loader.get(name, "missing")
        if there != here:
            raise SettingError(f"{who} has {name} {there}, and who loads has {name} {here}; {_SAME}")
