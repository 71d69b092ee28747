"""The views, on each kind of database: all that is loaded, and nothing of where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sigid.warehouse.views import VIEWS
from tests.trees import SAMPLE_B, Site, picture, site_a, site_b, trajectories, trajectory

pytestmark = pytest.mark.usefixtures("on_every_database")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with pictures, trajectories, a rejection, a stale signature and retired ones."""
    site = site_a(tmp_path)
    only_forged = {"Online/Forgeries/0120300_1.HWR": trajectory((1, 2, 3))}
    site.write({**trajectories(range(100, 110)), **only_forged, "Offline/Genuine/200_1.PNG": picture()}).load()
    site.remove(*trajectories(range(100, 103)))
    site.write(dict.fromkeys(trajectories([105]), b"1,2\n")).load()
    return site


def rows_of(site: Site, question: str) -> list[Any]:
    return [tuple(row) for row in site.execute(question)]


def test_they_count_what_the_catalogue_counts(site: Site) -> None:
    catalog = site.catalog()

    for name, question in {
        "signatures": "SELECT count(*) FROM signatures",
        "images": "SELECT count(*) FROM signatures WHERE kind = 'image'",
        "trajectories": "SELECT count(*) FROM trajectories",
        "points": "SELECT sum(point_count) FROM trajectories",
        "genuine": "SELECT sum(genuine) FROM signees",
        "forged": "SELECT sum(forged) FROM signees",
        "signees": "SELECT count(*) FROM signees",
        "without_genuine": "SELECT count(*) FROM signees WHERE genuine = 0",
        "forgers": "SELECT count(DISTINCT forger_id) FROM signatures",
        "rejected": "SELECT sum(files) FROM rejection_counts",
    }.items():
        assert rows_of(site, question) == [(catalog[name],)], name


def test_they_show_no_path_no_asset_and_nothing_that_is_retired(site: Site) -> None:
    hidden = [
        *(path for (path,) in rows_of(site, "SELECT path FROM source_file")),
        *(asset for (asset,) in rows_of(site, "SELECT asset_id FROM signature WHERE asset_id IS NOT NULL")),
        *(id_ for (id_,) in rows_of(site, "SELECT id FROM signature WHERE retired_at IS NOT NULL")),
    ]
    assert len(hidden) > 50

    for view in VIEWS:
        shown = str(rows_of(site, f"SELECT * FROM {view}"))  # noqa: S608  # of constants
        assert len(shown) > 50
        assert [each for each in hidden if each in shown] == []


def test_a_signature_is_shown_with_the_numbers_of_its_people(site: Site) -> None:
    (shown,) = rows_of(
        site, "SELECT collection, signee, forger, sample, kind FROM signatures WHERE forger = '123' AND sample = '2'"
    )

    assert shown == ("online/genuine", "4", "123", "2", "xyz")


def test_what_an_index_says_is_imitated_is_shown(tmp_path: Path) -> None:
    site = site_b(tmp_path, SAMPLE_B)
    site.load()

    (counted,) = rows_of(site, "SELECT count(*) FROM signatures s JOIN signatures p ON p.id = s.parent_id")

    assert counted == (3,)
