"""A container's file tree seen from outside: paths, programs and users in it.

Symbolic links are followed as the container would follow them: never out of the tree.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from glassbridge.errors import InvalidRequest, NotFound

_LARGEST_ID = 0xFFFFFFFE  # the one above means "none" to the kernel
_SYMLINKS_MAX = 40  # MAXSYMLINKS of linux/namei.h
_ROOT = PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a container's command runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class Rootfs:
    """A folder that is, or will be, the root of a container."""

    def __init__(self, folder: Path, called: str = "") -> None:
        self.folder = folder
        self._called = called or str(folder)

    def resolve(self, path: str) -> str:
        """The path that remains inside once every link is followed; it need not exist."""
        pending = list(reversed(PurePosixPath("/", path).parts[1:]))
        place, links = _ROOT, 0
        while pending:
            part = pending.pop()
            if part == "..":
                place = place.parent
                continue
            target = self._link(place / part)
            if target is None:
                place /= part
                continue
            links += 1
            if links > _SYMLINKS_MAX:
                raise InvalidRequest(f"{path} in {self._called}: too many symbolic links")
            if target.is_absolute():
                place = _ROOT
            pending.extend(reversed([p for p in target.parts if p != "/"]))
        return str(place)

    def on_host(self, path: str) -> Path:
        """Where a path of the container lies on the host."""
        return self.folder / self.resolve(path)[1:]

    def check_program(self, name: str, search: str, workdir: str) -> None:
        """Raise NotFound unless the program would be found, as execvp(3) looks for it."""
        places = [os.path.join(workdir, name)]  # noqa: PTH118 - a path of the container, as text
        if "/" not in name:
            places = [f"{folder or workdir}/{name}" for folder in search.split(":")]
        found = [p for p in (self.on_host(place) for place in places) if p.is_file()]
        if any(p.stat().st_mode & 0o111 for p in found):
            return
        what = f"{name} in {self._called} is not executable" if found else self._absent(name)
        raise NotFound(what, hint=f"searched: {', '.join(places)}")

    def identity(self, user: str) -> Identity:
        """Look up USER[:GROUP], names or numbers; raises NotFound for a name that is not there."""
        name, _, group = user.partition(":")
        entry = self._entry("etc/passwd", name or "0", 2)
        if entry is None and not name.isdecimal() and name:
            raise self._unknown("user", name, "etc/passwd")
        uid = int(entry[2]) if entry else int(name or 0)
        gid = self._gid(group) if group else int(entry[3]) if entry else 0
        _check_ids(user, uid, gid)
        login = entry[0] if entry else name
        groups = () if group else self._groups_of(login)
        home = entry[5] if entry else "/"
        return Identity(uid, gid, tuple(sorted({gid, *groups})), home or "/")

    def _gid(self, group: str) -> int:
        entry = self._entry("etc/group", group, 2)
        if entry:
            return int(entry[2])
        if group.isdecimal():
            return int(group)
        raise self._unknown("group", group, "etc/group")

    def _groups_of(self, login: str) -> tuple[int, ...]:
        return tuple(
            int(fields[2])
            for fields in self._fields("etc/group", 4)
            if login in fields[3].split(",") and fields[2].isdecimal()
        )

    def _entry(self, file: str, wanted: str, number: int) -> list[str] | None:
        """The first line whose name, or whose number, is the wanted one; names go first."""
        lines = [f for f in self._fields(file, number + 1) if f[number].isdecimal()]
        by_name = next((f for f in lines if f[0] == wanted), None)
        return by_name or next((f for f in lines if f[number] == wanted), None)

    def _fields(self, file: str, least: int) -> list[list[str]]:
        place = self.on_host(file)
        try:
            # the files are a stranger's: a FIFO would be waited for
            text = place.read_text(errors="replace") if place.is_file() else ""
        except OSError:  # an image without users
            return []
        lines = (line.split(":") for line in text.splitlines())
        padded = (fields + [""] * (7 - len(fields)) for fields in lines if len(fields) >= least)
        return list(padded)

    def _unknown(self, kind: str, name: str, file: str) -> NotFound:
        return NotFound(
            f"{kind} {name} is not in /{file} of {self._called}",
            hint=f"or give the {kind}'s number",
        )

    def _absent(self, name: str) -> str:
        return f"program {name} does not exist in {self._called}"

    def _link(self, place: PurePosixPath) -> PurePosixPath | None:
        host = self.folder / place.relative_to(_ROOT)
        try:
            if stat.S_ISLNK(host.lstat().st_mode):
                return PurePosixPath(host.readlink())
        except OSError:  # not there (yet), or not to be seen
            pass
        return None


def _check_ids(user: str, *ids: int) -> None:
    """Refuse what the kernel would cut to 32 bits, 4294967296 becoming root, or read as "none"."""
    for number in ids:
        if number > _LARGEST_ID:
            raise InvalidRequest(f"user {user!r}: id {number} is over {_LARGEST_ID}")
