"""The notebook does what it says, on the sample datasets."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.users import PROJECT, User

NOTEBOOK = PROJECT / "dev/explore.ipynb"


def cells() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is half typed


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook after all its cells were run, one after the other, by someone with a warehouse of his own."""
    user = User(tmp_path_factory.mktemp("reader"))
    notebook = cells()
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute(env=user.environment)
    return notebook


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def said(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(
        str(output.get("text", output.get("data", {}).get("text/plain", output.get("evalue", ""))))
        for output in outputs
    )


def pictures(notebook: Any) -> list[bytes]:
    shown = [each.get("data", {}) for each in outputs(notebook)]
    return [b64decode(each["image/png"]) for each in shown if "image/png" in each]


def test_it_is_kept_without_outputs() -> None:
    """What was once seen is no claim of what is there."""
    assert all(not cell.outputs and cell.execution_count is None for cell in cells().cells if cell.cell_type == "code")


def test_it_loads_counts_pairs_exports_and_reads_back(executed: Any) -> None:
    told = said(executed)

    assert "load_source_a" in told
    assert "source_b" in told
    assert "without_genuine" in told
    assert "wrong_column_count" in told
    assert "manifest.json says what they are" in told
    assert "pressed_at_most" in told


def test_it_draws_signatures(executed: Any) -> None:
    drawn = [np.asarray(Image.open(BytesIO(each)).convert("L")) for each in pictures(executed)]

    assert len(drawn) == 2
    for each in drawn:
        assert (each < 128).sum() > 300, "there is ink on the paper"
