"""register: a load does with rows what the service does with entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sigid.entity import AnySignature, ImageSignature, Signee
from sigid.identity import PersonKey
from sigid.service import AnyNewSignature, NewImageSignature, NewXYZSignature, Outcome, SignatureApplicationService
from sigid.warehouse import schema
from sigid.warehouse.records import FORGER, SIGNATURE, SIGNEE, SOURCE_FILE, TABLES, TRAJECTORY, Table
from tests.trees import SAMPLE_A, SAMPLE_B, THREE_POINTS, Site, picture, site_a, site_b

pytestmark = pytest.mark.usefixtures("on_every_database")

PICTURE = "Offline/Genuine/001_01.PNG"
TRAJECTORY_FILE = "Online/Genuine/001_1.HWR"


@pytest.mark.parametrize("table", [SIGNEE, FORGER, SIGNATURE, TRAJECTORY, SOURCE_FILE], ids=lambda table: table.name)
def test_the_rows_that_a_load_writes_are_those_of_the_schema(table: Table) -> None:
    columns = schema.metadata.tables[table.name].columns

    assert table.columns == tuple(column.name for column in columns)
    assert table.key == tuple(column.name for column in columns if column.primary_key)


def test_every_table_of_the_schema_is_looked_for_when_a_warehouse_is_opened() -> None:
    assert schema.metadata.tables.keys() == TABLES


def new_signature(signature: AnySignature, site: Site, paths: dict[str, str]) -> AnyNewSignature:
    """What a caller of the service gives it to have that signature registered."""
    facts: dict[str, Any] = {
        "authenticity": signature.authenticity,
        "modality": signature.modality,
        "forger": signature.forger and PersonKey(*signature.forger.model_dump(exclude={"id"}).values()),
        "parent_id": signature.parent_id,
        "sample": signature.sample,
        "content_hash": signature.content_hash,
    }
    if isinstance(signature, ImageSignature):
        of_image = signature.model_dump(include={"blank", "width", "height", "mode"})
        return NewImageSignature(local_uri=f"{site.source.directory}/{paths[signature.id]}", **of_image, **facts)
    return NewXYZSignature(points=signature.points, **facts)


def signees_of(site: Site) -> dict[str, Signee]:
    with site.warehouse() as warehouse, warehouse.reading() as connection:
        return {
            row.id: Signee(id=row.id, source=row.source, collection=row.collection, external_id=row.external_id)
            for row in connection.execute(schema.signee.select())
        }


def register(service: SignatureApplicationService, site: Site) -> list[Outcome]:
    """Register with the service what the site's warehouse holds."""
    paths = {id_: path for path, id_ in site.ids().items()}
    with site.warehouse() as warehouse:
        signatures = list(warehouse.signatures())
    outcomes: list[Outcome] = []
    for id_, signee in signees_of(site).items():
        new = [new_signature(each, site, paths) for each in signatures if each.signee_id == id_]
        key = PersonKey(signee.source, signee.collection, str(signee.external_id))
        (registration,) = service.register_batch([(key, new)])
        assert registration.signee_id == id_
        outcomes.extend(each.outcome for each in registration.signatures)
    return outcomes


def facts_of(site: Site) -> list[dict[str, Any]]:
    with site.warehouse() as warehouse:
        return [signature.model_dump(exclude={"created"}) for signature in warehouse.signatures()]


@pytest.mark.parametrize("sample", ["source_a", "source_b"])
def test_the_service_makes_of_the_same_facts_the_same_signatures_under_the_same_ids(
    tmp_path: Path, sample: str
) -> None:
    pictures = {PICTURE: picture(3), "Offline/Forgeries/0103004_02.png": picture(5, 4)}
    site = site_a(tmp_path, {**SAMPLE_A, **pictures}) if sample == "source_a" else site_b(tmp_path, SAMPLE_B)
    site.load()
    by_service = site.afresh()

    with by_service.warehouse() as warehouse:
        assert set(register(warehouse.service(), site)) == {Outcome.ADDED}
        assert set(register(warehouse.service(), site)) == {Outcome.UNCHANGED}

    assert facts_of(by_service) == facts_of(site) != []


def test_a_load_of_what_the_service_has_registered_changes_nothing(tmp_path: Path) -> None:
    site = site_a(tmp_path, {PICTURE: picture(3), TRAJECTORY_FILE: THREE_POINTS})
    site.load()
    another = site.afresh()
    with another.warehouse() as warehouse:
        register(warehouse.service(), site)

    assert another.counts() == {"unchanged": 2}
    assert another.digest() == site.digest()


def test_the_service_replaces_what_a_load_registered_and_a_load_of_everything_puts_it_right(tmp_path: Path) -> None:
    site = site_a(tmp_path, {TRAJECTORY_FILE: THREE_POINTS})
    site.load()
    digest = site.digest()
    with site.warehouse() as warehouse:
        (signature,) = warehouse.signatures()
        other = NewXYZSignature(points=[(0, 0, 0)], sample=signature.sample, content_hash=signature.content_hash)
        (registered,) = warehouse.service().register_signatures([other], "source_a/online/genuine/1").signatures
        assert (registered.signature_id, registered.outcome) == (signature.id, Outcome.REPLACED)
    assert site.digest() != digest

    assert site.counts() == {"unchanged": 1}
    assert site.digest() != digest
    assert site.counts(rehash=True) == {"changed": 1}
    assert site.digest() == digest
    assert site.counts(rehash=True) == {"unchanged": 1}
