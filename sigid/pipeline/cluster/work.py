"""Work for the workers of a scheduler."""

from __future__ import annotations

import asyncio
import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from sigid.errors import SettingError, SigidError
from sigid.pipeline.cluster.sight import as_seen_here
from sigid.pipeline.cluster.versions import Versions, ask_workers, ours, refuse, refuse_workers
from sigid.pipeline.cluster.words import STANDS, START, gone
from sigid.pipeline.crew import Readers
from sigid.pipeline.garbage import rarely_collected
from sigid.pipeline.interpret import Job

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Remote

DESERTED_SECONDS = 30
"""How long work waits for a new worker when the last one is gone."""
SILENT_SECONDS = 900
"""How long nothing may be heard of what workers are at. A worker that does not answer Dask itself gives up after 600 s
at most, and has others do its work."""
BUSY_SECONDS = 10
"""How long a scheduler may take to say who has work."""
MOST_AHEAD = 64
"""Batches under way, and so workers, at most."""
MOST_TOGETHER = 128
"""Batches of the usual size that these make up, at most: the results wait in this process's memory, some 7 MB each."""

_TIMES_LARGER = 4
_ROUNDS = 4  # as many batches for each one under way, at least, before they are larger than usual


class Cluster(Readers):
    """Has batches of files read. A worker that dies meanwhile changes nothing: its batches go to another one."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._under_way: set[Future[Any]] = set()
        self._silent = 0
        """For so many seconds nothing has been heard of a batch, or asked. They are counted, not measured: who was
        stopped himself has heard nobody."""
        self._most_ahead = MOST_AHEAD
        self.ahead = 1  # the last worker may just have left
        self._give_work_to(sum(client.nthreads().values()))
        client.loop.add_callback(self._watch)

    def times_larger(self, batches: int) -> int:
        """A batch costs the scheduler the same whatever its size; but all are to have something to do."""
        times = max(1, min(_TIMES_LARGER, MOST_TOGETHER // self.ahead, batches // (_ROUNDS * self.ahead)))
        self._most_ahead = min(MOST_AHEAD, MOST_TOGETHER // times)
        return times

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have `fn`, which is `interpret` or does the same, read the files of a Job, the only argument.

        The job and its results are carried as bytes: Dask would take thousands of small objects apart one by one.
        """
        (job,) = args
        job = job._replace(root=os.path.abspath(job.root))  # a worker works in a folder of its own
        remote = self._client.submit(pickle.loads, pickle.dumps(_Order(fn, job)), pure=False)
        answer: Future[Any] = Future()
        self._silent = 0
        self._under_way.add(answer)
        answer.add_done_callback(self._under_way.discard)
        self._client.loop.add_callback(self._answer, remote, job, time.time_ns(), answer)
        return answer

    async def _answer(self, remote: Remote[bytes], job: Job, asked: int, answer: Future[Any]) -> None:
        """Hand over what the worker says."""
        try:
            worker, results = pickle.loads(await remote)  # noqa: S301  # from our own function, as the way there was
            self._silent = 0
            seen = as_seen_here(job, results, worker, asked)
        except (Exception, CancelledError) as error:
            failure = await self._explain(error, remote, job)
            if not answer.done():
                answer.set_exception(failure)
        else:
            if not answer.done():
                answer.set_result(seen)

    async def _explain(self, error: BaseException, remote: Remote[bytes], job: Job) -> BaseException:
        from distributed import KilledWorker

        if isinstance(error, SigidError):
            return error
        if remote.status != "error" and isinstance(error, (CancelledError, OSError)):
            return gone(self._address)
        if isinstance(error, KilledWorker):
            return SigidError(
                f"each worker that was to read {job.files[0].path} and what follows died, "
                f"{error.allowed_failures + 1} in all, the last one {error.last_worker.address}, "
                f"perhaps for want of memory; {STANDS}: run again, with more memory a worker if it happens again"
            )
        try:  # a worker that has joined since, and has another sigid or none
            refuse_workers(await ask_workers(self._client))
        except SettingError as refusal:
            return refusal
        except Exception:  # then the first one tells more
            return error
        return error

    def _give_work_to(self, threads: int) -> None:
        """Have so many threads of workers have work, and more waiting, whoever had it before."""
        self.ahead = max(self.ahead, min(2 * threads, self._most_ahead))

    async def _watch(self) -> None:
        """Have those who join work too; give up where nobody is there to, or nobody comes to an end: Dask would wait
        for ever.
        """
        deserted = 0
        while self._client.status in ("running", "connecting"):
            there = self._client.scheduler_info(n_workers=0)
            self._give_work_to(there.get("total_threads", 0))
            deserted = deserted + 1 if self._under_way and not there.get("n_workers") else 0
            self._silent = self._silent + 1 if self._under_way else 0
            if deserted > DESERTED_SECONDS:
                self._give_up(f"the scheduler at {self._address} has no worker left; {STANDS}: {START}")
            if self._silent > SILENT_SECONDS:
                self._give_up(
                    f"nothing was heard for {SILENT_SECONDS} s of what {await self._busy()} had to read, perhaps for "
                    f"want of its storage; {STANDS}: start it again and run again"
                )
            await asyncio.sleep(1)

    async def _busy(self) -> str:
        """Who has work of ours."""
        keys = set(self._client.futures)
        try:
            work = await asyncio.wait_for(self._client.processing(), BUSY_SECONDS)
        except Exception:  # then that is why
            work = {}
        names = sorted(worker for worker, its in work.items() if not keys.isdisjoint(its))
        return f"the worker {' and the worker '.join(names)}" if names else f"the scheduler at {self._address}"

    def _give_up(self, trouble: str) -> None:
        for answer in list(self._under_way):
            answer.set_exception(SigidError(trouble))


class _Order:
    """What is to be done at a worker, in a form that does it where it is unpickled.

    So neither the scheduler nor a worker takes it apart before, and one that has no sigid can say so.
    """

    def __init__(self, fn: Callable[..., Any], job: Job) -> None:
        self._arguments = ours(), fn, job

    def __reduce__(self) -> tuple[Callable[..., bytes], tuple[Any, ...]]:
        return _at_worker, self._arguments


def _at_worker(of_loader: Versions, fn: Callable[..., Any], job: Job) -> bytes:
    """Extract at a worker, which may have joined after the others were asked for their versions."""
    from distributed import get_worker

    worker = get_worker().address
    refuse(f"the worker {worker}", ours(), of_loader)
    with rarely_collected():
        return pickle.dumps((worker, fn(job)), protocol=5)
