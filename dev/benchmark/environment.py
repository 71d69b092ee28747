"""The environment of the rivals that come from a package index: apart from the project's, made by the benchmark."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from dev.benchmark.tree import PROJECT

REQUIREMENTS = ("cocoindex >=1,<2", "dlt[duckdb,parquet] >=1,<2")
"""The newest that the programs here are written for."""

log = logging.getLogger(__name__)


class RivalsEnvironment:
    """A virtual environment in a folder. What is there is used again as long as the requirements are the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = folder / "requirements.txt"

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self._folder / "bin" / "python")

    @cached_property
    def trouble(self) -> str:
        """Why there is none, having tried to make it; nothing where it is there."""
        wanted = "".join(f"{requirement}\n" for requirement in REQUIREMENTS)
        if self._stamp.is_file() and self._stamp.read_text(encoding="utf-8") == wanted:
            return ""
        log.info("installing %s", ", ".join(REQUIREMENTS))
        shutil.rmtree(self._folder, ignore_errors=True)
        make = [sys.executable, "-I", "-m", "venv", "--without-pip", str(self._folder)]
        pip = [self.python, "-I", f"{_pip()}/pip", "--quiet", "--disable-pip-version-check", "install"]
        for command in (make, [*pip, "--only-binary", ":all:", *REQUIREMENTS]):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                return "it could not be installed: " + (ran.stderr.strip().splitlines() or ["pip failed"])[-1]
        self._stamp.write_text(wanted, encoding="utf-8")
        return ""

    def version(self, package: str) -> str:
        """Of a package that is in it."""
        program = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        ran = subprocess.run([self.python, "-c", program, package], capture_output=True, text=True, check=True)
        return ran.stdout.strip()


def _pip() -> Path:
    """The pip that comes with the project, and is what its checksum says."""
    (wheel,) = (PROJECT / "dev" / "pip").glob("pip-*.whl")
    sums = (wheel.parent / "SHA256SUMS").read_text(encoding="ascii").split()
    if sums != [hashlib.sha256(wheel.read_bytes()).hexdigest(), wheel.name]:
        raise RuntimeError("dev/pip is not what dev/pip/SHA256SUMS says; restore it: git checkout dev/pip")
    return wheel
