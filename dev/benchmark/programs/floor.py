"""The floor of a cold load: read, hash, parse, insert. Nothing is checked, and nothing remembered but the rows.

`floor TREE DATABASE PROCESSES`. What a load can't do without and no more; as durable as sigid's: WAL, every batch
synced. Points are inserted packed, as the worker hands them over.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import xxhash

from dev.benchmark.programs.parsing import SCHEMA, TABLE, is_signature, parse

BATCH_FILES = 1000
READ = 1 << 16

HashedRow = tuple[str, int, int | None, int | None, bytes | None, bytes]


def read(batch: list[str]) -> list[HashedRow]:
    """What the files say, each with the hash of its content."""
    rows = []
    for path in batch:
        descriptor = os.open(path, os.O_RDONLY)
        content = part = os.read(descriptor, READ)
        while len(part) == READ:
            part = os.read(descriptor, READ)
            content += part
        os.close(descriptor)
        rows.append((*parse(path, content), xxhash.xxh3_128_digest(content)))
    return rows


def walk(folder: str) -> Iterator[str]:
    """The files below a folder, relative to the current one."""
    with os.scandir(folder or ".") as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from walk(path)
            elif is_signature(entry.name):
                yield path


def extract(processes: int) -> Iterator[list[HashedRow]]:
    """What all files below the current folder say, by the batch, read by so many processes."""
    paths = walk("")
    batches = iter(lambda: list(islice(paths, BATCH_FILES)), [])
    if processes < 2:
        yield from map(read, batches)
        return
    with multiprocessing.Pool(processes) as pool:
        yield from pool.imap(read, batches)


def load(database: str, processes: int) -> None:
    """Load the files below the current folder."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(SCHEMA)
        connection.execute(f"ALTER TABLE {TABLE} ADD content_hash BLOB")
        insert = f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608  (of constants)
        for rows in extract(processes):
            with connection:
                connection.executemany(insert, rows)


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    load(sys.argv[2], int(sys.argv[3]))
