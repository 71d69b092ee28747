"""The pictures of signatures, which stay where they were loaded from."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from sigid.entity import AnySignature
from sigid.errors import DatasetError, Rejected
from sigid.pipeline.escape import raw
from sigid.pipeline.extract import read_file
from sigid.pipeline.facts import hash_of
from sigid.settings import Settings
from sigid.sources.formats import Format
from sigid.sources.registry import SOURCES
from sigid.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from PIL.Image import Image


def image_bytes(
    warehouse: Warehouse, signature: AnySignature, datasets: Path | str | None = None, *, path: str | None = None
) -> bytes:
    """The file that the signature was loaded from, whole and unchanged since; no bytes of a placeholder.

    It lies below `datasets`, or the folder that the settings name, at the `path` that `Selection.with_paths` gives.
    Without that, the lines of all its source's files are gone through for it. Raises DatasetError where it is not
    there, or its content is another one now, and ValueError for a trajectory, and for a signature that was not loaded
    from a file.
    """
    if signature.kind != "image":
        raise ValueError(f"the signature {signature.id} is a trajectory and has no picture; ask for kind='image'")
    path = path or warehouse.path_of(signature.id)
    if path is None:
        raise ValueError(f"the signature {signature.id} was not loaded from a file, and so there is none to open")
    return file_bytes(signature.source, path, signature.content_hash, Path(datasets or Settings.read().datasets))


def file_bytes(source: str, path: str, content_hash: str | None, datasets: Path) -> bytes:
    """The file of a picture, by its source and its path in that, whole and with that hash. Raises DatasetError."""
    root = datasets / _directory(source)
    try:
        content, _ = read_file(str(root), raw(path), Format.PNG, Format.PNG.max_bytes)
    except FileNotFoundError:
        raise DatasetError(f"{root}/{path} is gone since it was loaded; bring it back, or load again") from None
    except Rejected as rejected:
        raise DatasetError(f"{root}/{path} cannot be read: {rejected.detail}") from rejected
    if hash_of(content).hex() != content_hash:
        raise DatasetError(f"{root}/{path} is another file than the one that was loaded; load again, and read anew")
    return content


def _directory(source: str) -> str:
    for each in SOURCES:
        if each.name == source:
            return each.directory
    raise DatasetError(f"{source} is no source that this sigid knows, and so it has no files; register it again")


def open_image(
    warehouse: Warehouse, signature: AnySignature, datasets: Path | str | None = None, *, path: str | None = None
) -> Image:
    """The signature's picture, opened by Pillow from the bytes of `image_bytes` and with them in memory.

    Raises what `image_bytes` does, and ValueError for a placeholder, which has no picture.
    """
    content = image_bytes(warehouse, signature, datasets, path=path)
    if not content:
        raise ValueError(f"the signature {signature.id} is a placeholder (blank): it has no picture yet")
    from PIL import Image

    picture = Image.open(BytesIO(content), formats=("PNG",))
    picture.load()
    return picture
