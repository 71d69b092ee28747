"""The warehouse as its users see it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import local
from types import TracebackType
from typing import Any

from sqlalchemy import Connection

from sigid.errors import Reason
from sigid.identity import Authenticity, Kind, Modality
from sigid.mock_asset_service import MockAssetService
from sigid.service import SignatureApplicationService
from sigid.settings import Settings
from sigid.warehouse import read
from sigid.warehouse.database import open_database
from sigid.warehouse.erasure import erasures, tombstones_of
from sigid.warehouse.read import Rejection
from sigid.warehouse.repositories import WarehouseSignatureRepository, WarehouseSigneeRepository
from sigid.warehouse.selection import Filter, Pairs, Selection
from sigid.warehouse.session import Database, Session


def open_warehouse(url: str | None = None) -> Warehouse:
    """Open the warehouse at an SQLAlchemy URL, or the one of the settings; make it where there is none.

    Use it in a ``with`` statement. Raises SettingError for a URL that cannot be used, and WarehouseError where the
    warehouse cannot be opened, has a schema that this sigid does not know, or an older one, which is to be migrated
    first. Who may only read it can do all that writes nothing.
    """
    return Warehouse(open_database(Settings.read().warehouse if url is None else url))


class _OfThread(local):
    """What each thread has for itself: one must not write into, or undo, what another one has begun."""

    transaction: Connection | None = None
    state: Connection | None = None


class Warehouse:
    """All signatures, whatever their source, and what is known of the files that they come from."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._of_thread = _OfThread()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def catalog(self) -> dict[str, dict[str, Any]]:
        """Counts for each source.

        Integers: `files` (that are known to exist), `signatures` (not retired, as in all that follows), `images`,
        `trajectories`, `blank`, `genuine`, `forged`, `signees`, `without_genuine` (signees who are only known from
        forgeries), `forgers`, `points`, `rejected`, `stale`, and `retired`. Besides, `rejected_by_reason`: integers
        by reason code.
        """
        with self.reading() as connection:
            return read.catalog(connection)

    def signatures(
        self,
        source: str | None = None,
        modality: Modality | str | None = None,
        authenticity: Authenticity | str | None = None,
        signee: str | None = None,
        *,
        forger: str | None = None,
        kind: Kind | str | None = None,
        loaded_since: datetime | None = None,
        retired: bool = False,
    ) -> Selection:
        """The signatures, ordered by source, signee (in his collection's numbering), forger and sample.

        An iterator over entities that can also count them, give them in pages, and give them as a table of Arrow,
        pandas or polars. `signee` and `forger` are a person's id, his number, or his key such as
        ``source_a/online/genuine/1``. `loaded_since` asks for what was registered then or later, anew or with another
        content. Those retired are left out unless `retired`. Raises ValueError for a modality, an authenticity or a
        kind that does not exist, for several sources or persons at a time, and for a time without a zone.
        """
        where = Filter(
            source=source,
            modality=modality,
            authenticity=authenticity,
            signee=signee,
            forger=forger,
            kind=kind,
            loaded_since=loaded_since,
            retired=retired,
        )
        return Selection(self, where)

    def pairs(
        self,
        signee: str | None = None,
        *,
        source: str | None = None,
        modality: Modality | str | None = None,
        kind: Kind | str | None = None,
    ) -> Pairs:
        """Genuine signatures with genuine ones, and with forgeries, of each signee: the unit of verification research.

        An iterator over `Pair` that can also count them without making any. What is asked for is as for `signatures`.
        """
        return Pairs(self, Filter(source=source, modality=modality, kind=kind, signee=signee))

    def path_of(self, signature_id: str) -> str | None:
        """The path, relative to its source's folder, of the file that the signature was last loaded from, if any."""
        with self.reading() as connection:
            return read.path_of(connection, signature_id)

    def rejections(self, source: str | None = None, reason: Reason | str | None = None) -> Iterator[Rejection]:
        """What is not let in, ordered by source and path. Raises ValueError for a reason that does not exist."""
        return self._rejections(source, None if reason is None else Reason(reason))

    def _rejections(self, source: str | None, reason: Reason | None) -> Iterator[Rejection]:
        with self.reading() as connection:
            yield from read.rejections(connection, source, reason)

    def digest(self) -> str:
        """A hash of every fact of the signatures that are not retired, and of the rejections, in hexadecimal.

        Two warehouses have the same digest if and only if they have the same content, whatever their history.
        """
        with self.reading() as connection:
            return read.digest(connection)

    def service(self) -> SignatureApplicationService:
        """The service that registers signatures in this warehouse, each call in a transaction."""
        return SignatureApplicationService(
            WarehouseSigneeRepository(self),
            WarehouseSignatureRepository(self),
            MockAssetService(),
            self.transaction,
            self._erased,
        )

    def _erased(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that are of what was erased."""
        with self.writing() as session:
            tombstones = tombstones_of(erasures(session))
        return {id_ for id_ in ids if id_ in tombstones}

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction, or the one that this thread has open; what is raised in it undoes all that it wrote."""
        if self._of_thread.transaction is not None:
            yield self._of_thread.transaction
            return
        engine = self.database.engine().execution_options(sigid_writes=True)
        with self.database.told(), engine.begin() as connection:
            self._of_thread.transaction = connection
            try:
                yield connection
            finally:
                self._of_thread.transaction = None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The session that writes in this thread's transaction, or in one of its own."""
        with self.transaction() as connection:
            yield self.database.session_of(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the warehouse: this thread's transaction's, or one that it keeps to."""
        held = self._of_thread.transaction or self._of_thread.state
        if held is not None:
            yield held
            return
        with self.database.told(), self.database.engine().connect() as connection:
            yield connection

    @contextmanager
    def at_one_state(self) -> Iterator[None]:
        """All that this thread reads within is of one state of the warehouse, however much is loaded meanwhile.

        What is streamed is read to its end, or left, before something else is asked for.
        """
        with self.reading() as connection:
            before, self._of_thread.state = self._of_thread.state, connection
            try:
                yield
            finally:
                self._of_thread.state = before
