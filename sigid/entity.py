"""What a signature is: the signee, his signatures, and those who forged them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from numbers import Real
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema
from ulid import ULID

from sigid.identity import SERVICE, Authenticity, Modality, PersonKey, derive_id

Metadata: TypeAlias = dict[str, JsonValue]
PointArray: TypeAlias = NDArray[np.float64]


def new_id() -> str:
    """A fresh ULID, for what no key names."""
    return str(ULID())


def now() -> datetime:
    """The time, in UTC and aware of it."""
    return datetime.now(UTC)


class XYZPoint(BaseModel):
    """One sample of a pen trajectory: position, and what the third channel holds (pen pressure in SigComp2011).

    Units are the capturing device's own. Unpacks as ``x, y, z = point``.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    x: float
    y: float
    z: float

    def __iter__(self) -> Iterator[float]:  # type: ignore[override]  # a point is its coordinates, not its field names
        return iter((self.x, self.y, self.z))


class Points(Sequence[XYZPoint]):
    """A trajectory's points in the order of writing: one (n, 3) float64 array, n >= 1, that hands out points.

    Built from an array of that shape, or what numpy makes one of (a frame of pandas or polars), or from points or
    triples. Raises ValueError where there is no point, a point is not three numbers, or a number is masked or not
    finite.
    """

    __slots__ = ("_array",)

    def __init__(self, values: Points | PointArray | Iterable[XYZPoint | Sequence[float]]) -> None:
        if isinstance(values, Points):
            self._array: PointArray = values._array
            return
        array = _numbers(values)
        if not array.size:
            raise ValueError("a trajectory has at least one point")
        if array.ndim != 2 or array.shape[1] != 3:
            raise ValueError(f"a trajectory is n points of three numbers each, not an array of shape {array.shape}")
        finite = np.isfinite(array)
        if not finite.all():
            first = int(finite.argmin()) // 3
            raise ValueError(f"every coordinate is finite; point {first} is {tuple(array[first].tolist())}")
        array.setflags(write=False)
        self._array = array

    @property
    def array(self) -> PointArray:
        """All points: (n, 3) float64, read-only."""
        return self._array

    @overload
    def __getitem__(self, index: int) -> XYZPoint: ...
    @overload
    def __getitem__(self, index: slice) -> list[XYZPoint]: ...
    def __getitem__(self, index: int | slice) -> XYZPoint | list[XYZPoint]:
        if isinstance(index, slice):
            return [self._point(row) for row in self._array[index].tolist()]
        return self._point(self._array[index].tolist())

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[XYZPoint]:
        return map(self._point, self._array.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Points, np.ndarray, list, tuple)):
            try:
                return np.array_equal(self._array, Points(other)._array)
            except ValueError:
                return False
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} points>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> PointArray:
        return np.array(self._array, dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[type[Points], tuple[PointArray]]:
        return type(self), (self._array,)  # an array that was copied or pickled could be written to

    @staticmethod
    def _point(row: Sequence[float]) -> XYZPoint:
        return XYZPoint.model_construct(x=row[0], y=row[1], z=row[2])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.float_schema()
        return core_schema.no_info_plain_validator_function(
            cls,
            json_schema_input_schema=core_schema.list_schema(core_schema.tuple_schema([number, number, number])),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda points: points._array.tolist(),
                return_schema=core_schema.list_schema(core_schema.list_schema(number)),
            ),
        )


def _numbers(values: PointArray | Iterable[XYZPoint | Sequence[float]]) -> PointArray:
    """The values as float64, in an array that nobody else can write to. Text that reads like a number is none."""
    try:
        if np.ma.isMaskedArray(values):
            raise TypeError("what is masked is no number")
        is_array = hasattr(values, "__array__")  # of numpy, or what other libraries have in its place
        array = np.asarray(values) if is_array else np.array([_triple(point) for point in values])
        if array.dtype.kind not in "iuf" and not all(isinstance(number, Real) for number in array.flat):
            raise TypeError(f"{array.dtype} is no type of numbers")
        return array.astype(np.float64, copy=_can_be_written(array))
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise ValueError("each point of a trajectory is three numbers: (x, y, z)") from error


def _triple(point: XYZPoint | Sequence[float] | Mapping[str, float]) -> tuple[float, ...]:
    return (point["x"], point["y"], point["z"]) if isinstance(point, Mapping) else tuple(point)


def _can_be_written(array: PointArray) -> bool:
    """Whether someone can write to the array, or to the one of which it is a view."""
    return array.flags.writeable or (isinstance(array.base, np.ndarray) and array.base.flags.writeable)


class Forger(BaseModel):
    """Who imitated a signature; his number is unique only in his own collection, and says nothing of any signee's."""

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    collection: str
    external_id: str

    @classmethod
    def of(cls, key: PersonKey) -> Forger:
        """The forger that `key` names."""
        return cls(
            id=derive_id("forger", str(key)),
            source=key.source,
            collection=key.collection,
            external_id=key.external_id,
        )


class BaseSignature(BaseModel):
    """What every signature states, whatever its form."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    signee_id: str
    """Whose signature it is; of a forgery, whose signature it imitates."""
    id: str = Field(default_factory=new_id)
    created: AwareDatetime = Field(default_factory=now)
    metadata: Metadata = Field(default_factory=dict)
    source: str = SERVICE
    authenticity: Authenticity = Authenticity.GENUINE
    forger: Forger | None = None
    parent_id: str | None = None
    """The signature that this one imitates, where that is known. It may itself be retired, rejected or not yet here."""
    sample: str | None = None
    content_hash: str | None = None
    """xxh3-128 of the source file, or of the points, in hexadecimal."""
    stale: bool = False
    """Whether its file has since turned invalid; the signature is the last good one."""
    retired_at: AwareDatetime | None = None

    @property
    def forger_id(self) -> str | None:
        """The id of the forger, where one is known."""
        return self.forger.id if self.forger else None

    def states_the_same_as(self, other: BaseSignature) -> bool:
        """Whether both state the same facts, whenever they were registered."""
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in type(self).model_fields if name != "created"
        )


class ImageSignature(BaseSignature):
    """A signature as a picture, which the asset service keeps."""

    kind: Literal["image"] = "image"
    modality: Modality = Modality.OFFLINE
    asset_id: str
    blank: bool = False
    """Whether the picture is a placeholder of no bytes."""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    """Pixels."""
    mode: str | None = None
    """Pillow's name of the pixel format, such as ``L`` or ``RGB``."""


class XYZSignature(BaseSignature):
    """A signature as the trajectory of the pen."""

    kind: Literal["xyz"] = "xyz"
    modality: Modality = Modality.ONLINE
    points: Points


_S = TypeVar("_S", ImageSignature, XYZSignature)

AnySignature: TypeAlias = Annotated[ImageSignature | XYZSignature, Field(discriminator="kind")]


class Signee(BaseModel):
    """A person who signs, and those of his signatures that are at hand."""

    id: str = Field(default_factory=new_id)
    created: AwareDatetime = Field(default_factory=now)
    source: str = SERVICE
    collection: str = ""
    external_id: str | None = None
    """His number in `collection`; None where no key names him."""
    signatures: list[AnySignature] = Field(default_factory=list)

    @classmethod
    def of(cls, key: PersonKey) -> Signee:
        """The signee that `key` names."""
        return cls(
            id=derive_id("signee", str(key)),
            source=key.source,
            collection=key.collection,
            external_id=key.external_id,
        )

    def new_image_signature(self, asset_id: str, **facts: Any) -> ImageSignature:
        """Add a picture; `facts` are further fields of `ImageSignature`."""
        return self._added(ImageSignature(signee_id=self.id, asset_id=asset_id, **{"source": self.source, **facts}))

    def new_xyz_signature(self, points: Iterable[XYZPoint | Sequence[float]], **facts: Any) -> XYZSignature:
        """Add a trajectory of (x, y, z); `facts` are further fields of `XYZSignature`."""
        return self._added(XYZSignature(signee_id=self.id, points=Points(points), **{"source": self.source, **facts}))

    def _added(self, signature: _S) -> _S:
        self.signatures.append(signature)
        return signature
