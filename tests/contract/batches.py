"""Batches of signatures to register, and the ways to split them into calls, for properties of registering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st

from sigid.identity import Authenticity, PersonKey
from sigid.service import (
    AnyNewSignature,
    NewImageSignature,
    NewXYZSignature,
    Registration,
    SignatureApplicationService,
)

Batch: TypeAlias = Sequence[tuple[PersonKey, AnyNewSignature]]

_SIGNEES = [PersonKey("lab", "", "1"), PersonKey("lab", "genuine", "1"), PersonKey("lab", "genuine", "2")]
_FORGERS = [PersonKey("lab", "", "1"), PersonKey("lab", "forgeries", "1")]
_IDENTITIES = st.tuples(
    st.sampled_from(_SIGNEES), st.sampled_from(["genuine", None, *_FORGERS]), st.sampled_from(["1", "2", "10"])
)
_METADATA = st.dictionaries(st.text(max_size=2), st.none() | st.integers() | st.text(max_size=2), max_size=2)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_CONTENTS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    metadata=_METADATA,
    points=st.lists(st.tuples(_NUMBERS, _NUMBERS, _NUMBERS), min_size=1, max_size=3),
) | st.builds(
    dict,
    metadata=_METADATA,
    local_uri=st.sampled_from(["1.png", "2.png"]),
    blank=st.booleans(),
    width=st.none() | st.integers(1, 9),
    content_hash=st.none() | st.just("0f" * 16),
)


def _new(identity: tuple[PersonKey, Any, str], content: dict[str, Any]) -> tuple[PersonKey, AnyNewSignature]:
    signee, by, sample = identity
    facts = {"sample": sample, **content}
    if by != "genuine":
        facts |= {"authenticity": Authenticity.FORGED, "forger": by}
    return signee, NewXYZSignature(**facts) if "points" in facts else NewImageSignature(**facts)


BATCHES = st.dictionaries(_IDENTITIES, _CONTENTS, max_size=8).map(
    lambda contents: [_new(identity, content) for identity, content in contents.items()]
)
"""Signatures of several signees, no two of which claim to be the same one."""


def in_calls(batch: Batch) -> st.SearchStrategy[list[Batch]]:
    """The batch in some order, some of it more than once, a few signatures a call."""
    repeated = st.lists(st.sampled_from(batch), max_size=3) if batch else st.just([])
    orders = repeated.flatmap(lambda more: st.permutations([*batch, *more]))
    return st.tuples(orders, st.integers(1, 9)).map(
        lambda drawn: [drawn[0][start : start + drawn[1]] for start in range(0, len(drawn[0]), drawn[1])]
    )


def register(service: SignatureApplicationService, batch: Batch) -> list[Registration]:
    """Register the batch in one call."""
    by_signee: dict[PersonKey, list[AnyNewSignature]] = {}
    for signee, new in batch:
        by_signee.setdefault(signee, []).append(new)
    return service.register_batch(list(by_signee.items()))
