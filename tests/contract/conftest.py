"""Each test of the contract is run on each kind of stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.stores import KINDS, OpenStores, Stores


@pytest.fixture(scope="session", params=KINDS)
def open_stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenStores:
    """Opens stores, for tests that need several."""
    return lambda: KINDS[request.param](tmp_path_factory.mktemp("stores"))


@pytest.fixture
def stores(open_stores: OpenStores) -> Iterator[Stores]:
    """Empty stores."""
    with open_stores() as opened:
        yield opened
