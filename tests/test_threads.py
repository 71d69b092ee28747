"""A warehouse may be used by several threads: each has its own transaction."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from sigid import NewXYZSignature, Points, open_warehouse
from sigid.service import Outcome, Registration

NEW = [NewXYZSignature(points=Points([(1.0, 2.0, 3.0)]), sample="1")]


def test_what_a_thread_registers_outlasts_the_undone_transaction_of_another(warehouse_url: str) -> None:
    """Both had been in one transaction: what one was told was added went when the other failed."""
    with open_warehouse(warehouse_url) as warehouse, ThreadPoolExecutor(1) as other:

        def fail_late() -> None:
            with warehouse.transaction():
                registering = other.submit(warehouse.service().register_signatures, NEW, "a/1")
                wait([registering], timeout=0.3)
                submitted.append(registering)
                raise ValueError("undone")

        submitted: list[Future[Registration]] = []
        with pytest.raises(ValueError, match="undone"):
            fail_late()
        (registered,) = submitted[0].result().signatures

        assert registered.outcome is Outcome.ADDED
        assert [signature.sample for signature in warehouse.signatures()] == ["1"]


def test_a_thread_does_not_see_what_another_has_not_committed(warehouse_url: str) -> None:
    with open_warehouse(warehouse_url) as warehouse, ThreadPoolExecutor(1) as other:
        with warehouse.transaction():
            warehouse.service().register_signatures(NEW, "a/1")
            mine = len(list(warehouse.signatures()))
            others = other.submit(lambda: len(list(warehouse.signatures()))).result()

        assert (mine, others) == (1, 0)
        assert other.submit(lambda: len(list(warehouse.signatures()))).result() == 1
