"""Snapshots as files: taken on a sick host, looked at anywhere.

Nothing here or below opens a socket or needs Linux.
"""

import gzip
import os
import stat
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from pathlib import Path

import msgspec

from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound, Unsupported
from glassbridge.model.address import from_json, to_json
from glassbridge.model.snapshot import SCHEMA, Snapshot

STDOUT = "-"
_GZIP_MAGIC = b"\x1f\x8b"
_KIND, _, _VERSION = SCHEMA.partition("/")


class _Head(msgspec.Struct):
    schema: str = ""


def write_snapshot(snapshot: Snapshot, path: str) -> None:
    """Write a snapshot, gzip'd if the name ends in .gz; `-` is stdout.

    The file appears whole or not at all, and only its owner may read it: it tells how to attack
    the host. Raises InvalidRequest where it cannot be written.
    """
    body = to_json(snapshot)
    if path == STDOUT:
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
        return
    if path.endswith(".gz"):
        body = gzip.compress(body, mtime=0)
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH110, PTH116 - text is wanted
            Path(path).write_bytes(body)  # a pipe, /dev/null: there is nothing to replace
            return
        _replace(path, body)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"write snapshot {path}: {_why(error)}") from error


def read_snapshot(path: str) -> Snapshot:
    """Read a snapshot; raises NotFound, InvalidRequest, and Unsupported for a later schema."""
    try:
        body = Path(path).read_bytes()
        if body.startswith(_GZIP_MAGIC):
            body = gzip.decompress(body)
        schema = from_json(body, _Head).schema
    except FileNotFoundError as error:
        raise NotFound(f"read snapshot {path}: it does not exist") from error
    except (EOFError, zlib.error) as error:
        raise InvalidRequest(
            f"read snapshot {path}: it is cut off or damaged", hint=_HINT
        ) from error
    except msgspec.DecodeError as error:
        raise _not_one(path, f"{error}") from error
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"read snapshot {path}: {_why(error)}") from error
    _check_schema(path, schema)
    try:
        return from_json(body, Snapshot)
    except (msgspec.DecodeError, ValueError) as error:
        raise _not_one(path, f"{error}") from error


def describe_snapshot(snapshot: Snapshot, path: str) -> str:
    """Where it is from: `FILE, taken 2026-11-23 10:00 on kernel 6.18.44`, in local time."""
    taken = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.taken))
    return f"{path}, taken {taken} on kernel {snapshot.kernel}"


_HINT = "write one with: glassbridge snapshot -o FILE"


def _check_schema(path: str, schema: str) -> None:
    kind, _, version = schema.partition("/")
    if kind != _KIND or not version.isdecimal():
        raise _not_one(path, f"its schema is {schema!r}" if schema else "it names no schema")
    if int(version) > int(_VERSION):
        raise Unsupported(
            f"read snapshot {path}: it is of schema {schema}, this glassbridge reads {SCHEMA}",
            hint="read it with the glassbridge that wrote it, or a later one",
        )


def _not_one(path: str, why: str) -> GlassbridgeError:
    return InvalidRequest(f"{path} is no snapshot of glassbridge: {why}", hint=_HINT)


def _replace(path: str, body: bytes) -> None:
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - text is wanted
    fd, unfinished = tempfile.mkstemp(prefix=".snapshot-", dir=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(body)
        os.replace(unfinished, path)  # noqa: PTH105 - text is wanted
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)  # noqa: PTH108 - text is wanted
        raise


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
