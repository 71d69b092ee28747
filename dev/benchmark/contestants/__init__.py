"""Who takes part, each by its name on the command line."""

from __future__ import annotations

from dev.benchmark.contestants.base import Contestant
from dev.benchmark.contestants.cocoindex import CocoIndex
from dev.benchmark.contestants.dlt import Dlt
from dev.benchmark.contestants.doit import OneEmptyTask, PlainDoit
from dev.benchmark.contestants.find import Find
from dev.benchmark.contestants.floor import Floor
from dev.benchmark.contestants.git import Git
from dev.benchmark.contestants.sigid import Sigid, SigidOnCluster, SigidPostgresql, SigidScan

CONTESTANTS: dict[str, type[Contestant]] = {
    contestant.name: contestant
    for contestant in (
        Sigid,
        SigidPostgresql,
        SigidOnCluster,
        SigidScan,
        Find,
        Git,
        Floor,
        PlainDoit,
        CocoIndex,
        Dlt,
        OneEmptyTask,
    )
}
