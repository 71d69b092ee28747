"""Registering signatures: what is asked for, the ports it goes through, and the service that does it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, Self, TypeAlias
from unicodedata import category

import numpy as np
import xxhash
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sigid.entity import AnySignature, BaseSignature, Forger, Metadata, Points, Signee
from sigid.errors import ErasedError
from sigid.identity import Authenticity, Kind, Modality, PersonKey, derive_id, signature_key
from sigid.outcome import Outcome, outcome_of


def _parsed(key: object) -> object:
    """The key, where its text is given."""
    return PersonKey.parse(key) if isinstance(key, str) else key


def _well_formed(key: PersonKey) -> PersonKey:
    """The key, if its text names nobody else and every database holds it. Raises ValueError."""
    if PersonKey.parse(str(key)) != key:
        raise ValueError(f"{key!r} is not a key; its source and its number are not empty and contain no slash")
    for name, part in key._asdict().items():
        if len(part) > _MOST_CHARACTERS:
            raise ValueError(
                f"the {name} of the key {str(key)[:40]!r}... has {len(part)} characters; {_MOST_CHARACTERS} is the most"
            )
    return key


def _without_controls(text: str) -> str:
    """The text, if no character in it is a control character, of which not every database holds all."""
    if control := next((each for each in text if category(each) == "Cc"), None):
        raise ValueError(f"{text!r} contains {control!r}, a control character")
    return text


def _encodable(text: str) -> str:
    """The text, if it is one: half a pair of code units is no character. Raises ValueError."""
    text.encode()
    return text


_MOST_CHARACTERS = 255
_Text = Annotated[str, AfterValidator(_encodable), AfterValidator(_without_controls)]


class BaseNewSignature(BaseModel):
    """What is known of a signature before it is registered. One that has a forger or a parent is forged.

    `sample` names it among the signatures of its signee (and of its forger) and makes it replaceable under an
    idempotence key. Without it a picture is named by its `local_uri`, and a trajectory by its points.

    Texts that not every database holds are refused: longer than an id, a hash, Pillow's longest mode or 255 characters,
    or with control characters in them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    metadata: Metadata = Field(default_factory=dict)
    authenticity: Authenticity = Authenticity.GENUINE
    forger: Annotated[PersonKey, BeforeValidator(_parsed), AfterValidator(_well_formed)] | None = None
    """Who wrote it, as a key or its text, such as ``source_a/online/forgeries/120``."""
    parent_id: Annotated[_Text, Field(max_length=26)] | None = None
    sample: Annotated[_Text, Field(max_length=_MOST_CHARACTERS)] | None = None
    content_hash: Annotated[_Text, Field(max_length=32)] | None = None
    """xxh3-128 in hexadecimal, where the caller has it; worked out otherwise."""

    @model_validator(mode="after")
    def _only_a_forgery_has_a_forger(self) -> Self:
        if self.authenticity is Authenticity.GENUINE and (self.forger or self.parent_id):
            raise ValueError("a signature with a forger or a parent is forged; say authenticity=Authenticity.FORGED")
        return self


Pixels: TypeAlias = Annotated[int, Field(gt=0, lt=2**31)]
"""A width or a height, as all databases and tables hold it."""


class NewImageSignature(BaseNewSignature):
    """A picture to be registered, which lies at `local_uri`."""

    local_uri: Annotated[str, AfterValidator(_encodable)]
    modality: Modality = Modality.OFFLINE
    blank: bool = False
    width: Pixels | None = None
    height: Pixels | None = None
    mode: Annotated[_Text, Field(max_length=16)] | None = None


class NewXYZSignature(BaseNewSignature):
    """A pen trajectory to be registered: a list of (x, y, z), or an (n, 3) array."""

    points: Points
    modality: Modality = Modality.ONLINE


AnyNewSignature: TypeAlias = NewImageSignature | NewXYZSignature


class SigneeRepository(Protocol):
    """Keeps signees; their signatures are the `SignatureRepository`'s."""

    def store(self, *signees: Signee) -> None:
        """Keep the signees. One who is there already, by id, stays as he is."""

    def find(self, signee_ids: Collection[str]) -> dict[str, Signee]:
        """Those of the signees who are there, by id, without their signatures."""


class SignatureRepository(Protocol):
    """Keeps signatures, retired ones among them."""

    def store(self, signatures: Iterable[AnySignature]) -> None:
        """Keep the signatures, each in the place of the one with its id, which was of the same kind.

        Their signees are stored before them.
        """

    def find(self, signature_ids: Collection[str]) -> dict[str, AnySignature]:
        """Those of the signatures that are there, by id."""

    def of_signee(self, signee_id: str) -> list[AnySignature]:
        """The signee's signatures, retired ones and forgeries among them, in the order of their ids."""


class AssetService(Protocol):
    """Keeps pictures, outside of any transaction of ours."""

    def register_asset(self, local_uri: str, metadata: Metadata) -> str:
        """Take the picture at `local_uri` over and return the asset's id.

        The same `local_uri` gets the same id each time, so that a registration that was cut short can be repeated.
        """


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of one new signature."""

    signature_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of the new signatures of one signee, in the order given."""

    signee_id: str
    signatures: tuple[Registered, ...]

    def count(self, outcome: Outcome | str) -> int:
        """How many of the signatures had that outcome. Raises ValueError for one that does not exist."""
        outcome = Outcome(outcome)
        return sum(signature.outcome is outcome for signature in self.signatures)


class SignatureApplicationService:
    """Registers signatures with the repositories and the asset service that it is given.

    `transaction` makes the context in which the repositories are written: what is raised in it undoes what was
    stored. Assets are registered in it too, after everything has been checked and before anything is stored. An
    asset whose signature then is not committed is harmless: the next try gets the same asset. `erased` says, within
    that transaction, which of some ids of signees and signatures are of what was erased, and is not taken again.
    """

    def __init__(
        self,
        signee_repository: SigneeRepository,
        signature_repository: SignatureRepository,
        asset_service: AssetService,
        transaction: Callable[[], AbstractContextManager[object]] = nullcontext,
        erased: Callable[[Collection[str]], Set[str]] = lambda _ids: frozenset(),
    ) -> None:
        self._signees = signee_repository
        self._signatures = signature_repository
        self._assets = asset_service
        self._transaction = transaction
        self._erased = erased

    def register_signatures(self, new_signatures: Sequence[AnyNewSignature], idempotence_key: str = "") -> Registration:
        """Register signatures of one signee.

        Without a key the signee and the signatures are new at each call. With one, like
        ``source_a/online/genuine/1``, it names the signee, and the call is idempotent: the same again stores
        nothing, further signatures are added, and a signature with other content replaces the old one under its id.
        Raises ValueError where the key is malformed, two of the signatures claim to be the same one, or one claims
        to be its own parent; ErasedError where the signee or one of the signatures was erased.
        """
        if idempotence_key:
            return self.register_batch([(PersonKey.parse(idempotence_key), new_signatures)])[0]
        signee = Signee()
        with self._transaction():
            signatures = [self._new(signee, new, {}) for new in new_signatures]
            self._signees.store(signee)
            self._signatures.store(signatures)
        return Registration(signee.id, tuple(Registered(each.id, Outcome.ADDED) for each in signatures))

    def register_batch(
        self, registrations: Sequence[tuple[PersonKey, Sequence[AnyNewSignature]]]
    ) -> list[Registration]:
        """Register signatures of many signees, each under his own key, as `register_signatures` does for one.

        It is one transaction, and asks the repositories once. Keys do not occur twice.
        """
        named = [(Signee.of(key), _with_ids(key, new_signatures)) for key, new_signatures in registrations]
        with self._transaction():
            self._refuse_erased([key for key, _ in registrations], named)
            known_signees = self._signees.find([signee.id for signee, _ in named])
            known = self._signatures.find([id_ for _, with_ids in named for id_, _ in with_ids])
            results: list[Registration] = []
            to_store: list[AnySignature] = []
            for signee, with_ids in named:
                outcomes, stored = [], []
                for id_, new in with_ids:
                    outcome, signature = self._decide(signee, id_, new, known.get(id_))
                    outcomes.append(Registered(id_, outcome))
                    if signature is not None:
                        known[id_] = signature
                        stored.append(signature)
                signee.signatures = stored  # without those that were only made to be compared
                to_store += stored
                results.append(Registration(signee.id, tuple(outcomes)))
            if new_signees := [signee for signee, _ in named if signee.id not in known_signees]:
                self._signees.store(*new_signees)
            if to_store:
                self._signatures.store(to_store)
        return results

    def _refuse_erased(
        self, keys: Iterable[PersonKey], named: Sequence[tuple[Signee, Sequence[tuple[str, AnyNewSignature]]]]
    ) -> None:
        erased = self._erased([id_ for signee, with_ids in named for id_ in (signee.id, *(id_ for id_, _ in with_ids))])
        if not erased:
            return
        for key, (signee, with_ids) in zip(keys, named, strict=True):
            samples = [repr(_sample(new)) for id_, new in with_ids if id_ in erased]
            if samples or signee.id in erased:
                what = "the signee" if signee.id in erased else f"sample {samples[0]}"
                raise ErasedError(
                    f"{what} under the key {str(key)!r} was erased and is not taken again; nothing is stored"
                )

    def _decide(
        self, signee: Signee, id_: str, new: AnyNewSignature, known: AnySignature | None
    ) -> tuple[Outcome, AnySignature | None]:
        """What to do with a signature whose id is known, and what to store, if anything."""
        if known is None:
            return Outcome.ADDED, self._new(signee, new, {"id": id_})
        facts = {"id": id_, "created": known.created}
        if isinstance(new, NewImageSignature) and known.kind == "image":
            facts["asset_id"] = known.asset_id  # where a picture lies is no fact about it
        signature = self._new(signee, new, facts)
        outcome = outcome_of(signature, known)
        if outcome is Outcome.UNCHANGED:
            return outcome, None
        if isinstance(new, NewImageSignature) and "asset_id" in facts:
            asset_id = self._assets.register_asset(new.local_uri, new.metadata)
            signature = signature.model_copy(update={"asset_id": asset_id})
        return outcome, signature

    def _new(self, signee: Signee, new: AnyNewSignature, facts: dict[str, object]) -> AnySignature:
        """The signature as an entity; registers its asset unless `facts` have its id."""
        facts = {
            "metadata": new.metadata,
            "authenticity": new.authenticity,
            "modality": new.modality,
            "forger": Forger.of(new.forger) if new.forger else None,
            "parent_id": new.parent_id,
            "sample": new.sample,
            "content_hash": new.content_hash or _content_hash(new),
            **facts,
        }
        if isinstance(new, NewXYZSignature):
            return signee.new_xyz_signature(new.points, **facts)
        asset_id = facts.pop("asset_id", None) or self._assets.register_asset(new.local_uri, new.metadata)
        return signee.new_image_signature(
            str(asset_id), blank=new.blank, width=new.width, height=new.height, mode=new.mode, **facts
        )


def _with_ids(signee: PersonKey, new_signatures: Iterable[AnyNewSignature]) -> list[tuple[str, AnyNewSignature]]:
    """The new signatures with the ids that the signee's key gives them."""
    with_ids: list[tuple[str, AnyNewSignature]] = []
    by_id: dict[str, AnyNewSignature] = {}
    _well_formed(signee)
    for new in new_signatures:
        id_ = derive_id("signature", signature_key(_kind(new), signee, new.authenticity, new.forger, _sample(new)))
        if by_id.setdefault(id_, new) != new:
            raise ValueError(
                f"two signatures under the key {str(signee)!r} claim to be sample {_sample(new)!r}; "
                "give each a `sample` of its own"
            )
        if new.parent_id == id_:
            raise ValueError(f"sample {_sample(new)!r} under the key {str(signee)!r} claims to be its own parent")
        with_ids.append((id_, new))
    return with_ids


def _kind(new: AnyNewSignature) -> Kind:
    return Kind.IMAGE if isinstance(new, NewImageSignature) else Kind.XYZ


def _sample(new: AnyNewSignature) -> str:
    if new.sample is not None:
        return new.sample
    return new.local_uri if isinstance(new, NewImageSignature) else _content_hash(new)


def _content_hash(new: AnyNewSignature) -> str:
    """The hash of the points, or of the file at `local_uri`, or of the URI itself where no file is at hand."""
    if isinstance(new, NewXYZSignature):
        return xxhash.xxh3_128_hexdigest(np.asarray(new.points).tobytes())
    file = Path(new.local_uri)
    with suppress(OSError, ValueError):  # what is no path is no file
        if file.is_file():
            return xxhash.xxh3_128_hexdigest(file.read_bytes())
    return xxhash.xxh3_128_hexdigest(new.local_uri.encode())


__all__ = [
    "AnyNewSignature",
    "AssetService",
    "BaseNewSignature",
    "BaseSignature",
    "NewImageSignature",
    "NewXYZSignature",
    "Outcome",
    "Registered",
    "Registration",
    "SignatureApplicationService",
    "SignatureRepository",
    "SigneeRepository",
]
