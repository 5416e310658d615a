"""Files of others: read as far as they can be, and what is wrong with them is told, not raised."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Reader:
    """Reads JSON files below one root, and remembers what it could not read."""

    def __init__(self, root: str = "") -> None:
        self.root = root
        self.complaints: list[str] = []

    def read(self, path: str, expected: type[T]) -> T | None:
        """One file as a value of a type; None where it is absent, or garbage."""
        body = self.octets(path)
        if body is None:
            return None
        try:
            return msgspec.json.decode(body, type=expected)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.complaints.append(f"{path}: {error}")
            return None

    def octets(self, path: str) -> bytes | None:
        """The content of a file; None where it cannot be had."""
        try:
            return Path(self.at(path)).read_bytes()
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            return None
        except (OSError, ValueError) as error:
            self.complaints.append(f"{path}: {getattr(error, 'strerror', None) or error}")
            return None

    def number(self, path: str) -> int | None:
        """The number that a file holds (a pidfile)."""
        text = (self.octets(path) or b"").strip()
        return int(text) if text.isdigit() else None

    def entries(self, folder: str) -> Iterator[str]:
        """The paths in a folder, sorted; nothing where there is none."""
        try:
            names = sorted(os.listdir(self.at(folder)))  # noqa: PTH208 - text is wanted
        except OSError:
            return
        for name in names:
            yield f"{folder}/{name}"

    def at(self, path: str) -> str:
        """Where we find what others know by that path."""
        return f"{self.root}{path}"
