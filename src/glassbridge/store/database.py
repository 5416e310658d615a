"""One SQLite file that is ours and whole: rows in, values out, errors explained."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from threading import RLock
from typing import TypeVar

import msgspec

from glassbridge.errors import Conflict, Unavailable
from glassbridge.model.address import from_json, to_json
from glassbridge.store.refusals import refusals
from glassbridge.store.tables import APPLICATION_ID, SCHEMA_VERSION, Table

T = TypeVar("T")


class Durability(Enum):
    """What a commit survives, and the pragmas that make it so, in their order.

    Without a sync a rollback journal is the cheaper one: nobody checkpoints it, and it is told to
    be empty by overwriting its head. Half a transaction in the file is undone by the next open,
    for `kill -9` leaves the journal as it leaves the file. The lock is never let go: readers come
    through this connection.
    """

    POWER_CUT = ("journal_mode = WAL", "synchronous = FULL")
    DEATH_OF_THE_PROCESS = (
        "locking_mode = EXCLUSIVE",
        "journal_mode = PERSIST",
        "synchronous = OFF",
    )


class Database:
    """A connection that any thread may use, one at a time: who holds the given lock.

    Raises Conflict for a broken UNIQUE, Unavailable for whatever else SQLite complains of.
    """

    def __init__(self, path: Path, layout: str, durability: Durability, lock: RLock) -> None:
        self.path = path
        self._lock = lock
        self._begins_at_write = False
        _create_private(path)
        try:
            # no isolation level: transactions begin and end where this code says so
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _explained(error, path) from error
        try:
            for pragma in durability.value:
                self._connection.execute(f"PRAGMA {pragma}")
            self._check_or_lay_out(layout)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise _explained(error, path) from error
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def execute(self, statement: str, values: Sequence[str | None] = ()) -> list[tuple[str, ...]]:
        """Run one statement and return its rows."""
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _explained(error, self.path) from error

    def write(self, statement: str, values: Sequence[str | None] = ()) -> None:
        """Run one statement that changes rows, inside the transaction if there is one."""
        with self._lock:
            if self._begins_at_write and not self._connection.in_transaction:
                self.execute("BEGIN")
            self.execute(statement, values)

    def put(self, table: Table[T], value: T) -> None:
        """Insert a row, or replace the one of the same id."""
        self.write(table.put, (*table.key_values(value), to_json(value).decode()))

    def delete(self, table: Table[T], key: str) -> None:
        """Delete the row of an id; already gone is success."""
        self.write(table.delete, (key,))

    def list(self, table: Table[T]) -> tuple[T, ...]:
        """Every value, by id."""
        rows = self.execute(table.list)
        try:
            return tuple(from_json(body, table.value_type) for (body,) in rows)
        except msgspec.MsgspecError as error:
            raise Unavailable(
                f"database {self.path}: a row of {table.name} cannot be read: {error}",
                hint=f"move {self.path} aside, then start again",
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit for the block, nothing when it raises; does not nest.

        It begins with the first write: most blocks write to one database of the two.
        """
        with self._lock:
            self._begins_at_write = True
            try:
                yield
                if self._connection.in_transaction:
                    self.execute("COMMIT")
            except BaseException:
                # some errors make SQLite undo the transaction by itself
                if self._connection.in_transaction:
                    self.execute("ROLLBACK")
                raise
            finally:
                self._begins_at_write = False

    def _check_or_lay_out(self, layout: str) -> None:
        application, version, tables = (
            self._connection.execute(question).fetchone()[0]
            for question in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_schema",
            )
        )
        if application == version == tables == 0:
            self._connection.executescript(
                f"BEGIN; {layout} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            )
            return
        if application != APPLICATION_ID:
            raise Unavailable(
                f"database {self.path} belongs to another program (id {application:#x})",
                hint="name another folder, or move the file aside",
            )
        if version != SCHEMA_VERSION:
            raise Unavailable(
                f"database {self.path} has layout {version}, this version reads {SCHEMA_VERSION}",
                hint="run the version of glassbridge that wrote it, or move it aside",
            )
        answer = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise Unavailable(
                f"database {self.path} is damaged: {answer}",
                hint=f"move {self.path} aside, then start again",
            )
        # tables that came later: an older version does not mind them
        self._connection.executescript(f"BEGIN; {layout} COMMIT")


def _explained(error: sqlite3.Error, path: Path) -> Conflict | Unavailable:
    if isinstance(error, sqlite3.IntegrityError):
        columns = str(error).removeprefix("UNIQUE constraint failed: ")
        return Conflict(f"database {path}: another entry has this {columns}")
    # a DB-API error of the module itself, e.g. a closed connection, carries no code
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            hint = f"move {path} aside, then start again"
        case sqlite3.SQLITE_FULL:
            hint = "make room on that file system"
        case _:
            hint = ""
    return Unavailable(f"database {path}: {error}", hint=hint)


def _create_private(path: Path) -> None:
    """SQLite gives the journal files the mode of the database."""
    with refusals(f"cannot open {path}"):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
