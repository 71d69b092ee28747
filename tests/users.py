"""Someone who uses sigid from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sigid.warehouse.warehouse import open_warehouse
from tests.terminals import on_terminal

PROJECT = Path(__file__).parents[1]


class User:
    """Someone with a warehouse of his own, who looks at the project's datasets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.build = folder / "build"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGID_")}
        self.environment |= {"SIGID_DATASETS": str(PROJECT / "datasets"), "SIGID_BUILD": str(self.build)}
        self.environment |= {"PYTHONPATH": str(PROJECT)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "doit", *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def doit(self, *arguments: str, code: int = 0) -> str:
        """What it prints; it ends with that exit code, and never with a traceback."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == code, output
        assert "Traceback" not in output
        return output

    def own_datasets(self) -> Path:
        """Datasets of his own, to be changed."""
        datasets = self.folder / "datasets"
        shutil.copytree(PROJECT / "datasets", datasets)
        self.environment["SIGID_DATASETS"] = str(datasets)
        return datasets

    def digest(self) -> str:
        with open_warehouse(f"sqlite:///{self.build}/warehouse.sqlite") as warehouse:
            return warehouse.digest()

    def files(self) -> dict[str, bytes]:
        """All that lies in the build folder."""
        return {str(each): each.read_bytes() for each in sorted(self.build.rglob("*")) if each.is_file()}

    def on_terminal(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """What it shows on a terminal, with the sequences that draw there."""
        own = {name: value for name, value in self.environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        terminal = {"TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"}
        ended, shown = on_terminal([sys.executable, "-m", "doit", *arguments], PROJECT, own | terminal | environment)
        assert ended == code, shown
        assert "Traceback" not in shown
        return shown
