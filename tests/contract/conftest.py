"""Each test of the contract is run on each kind of stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.stores import OpenStores, Stores, in_warehouse, mocks
from tests.databases import KINDS, Databases


@pytest.fixture(scope="session", params=["mocks", *KINDS])
def open_stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenStores:
    """Opens stores, for tests that need several."""
    if request.param == "mocks":
        return mocks
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    return lambda: in_warehouse(databases.url(tmp_path_factory.mktemp("stores")))


@pytest.fixture
def stores(open_stores: OpenStores) -> Iterator[Stores]:
    """Empty stores."""
    with open_stores() as opened:
        yield opened
