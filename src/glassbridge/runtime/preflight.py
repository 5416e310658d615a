"""What must hold before a container can start: told beforehand, by name."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from glassbridge.errors import InvalidRequest, NotFound, Unavailable, Unsupported
from glassbridge.model.container import Container, Mount
from glassbridge.runtime.capabilities import kept_capabilities
from glassbridge.runtime.rootfs import Identity, Rootfs
from glassbridge.runtime.sandbox import NAME_FILES, environment_of


def check_container(container: Container) -> Identity:
    """Find who the command runs as; raises naming whatever is missing or cannot work."""
    spec = container.spec
    bubblewrap()
    root = Path(spec.rootfs)
    if not root.is_absolute():
        raise InvalidRequest(f"rootfs {spec.rootfs} is not an absolute path")
    if not root.is_dir():
        what = "is not a directory" if root.exists() else "does not exist"
        raise NotFound(f"rootfs {spec.rootfs} {what}", hint="--rootfs / shares the host's files")
    if not spec.command:
        raise InvalidRequest(f"container {container.name}: no command", hint="end with one: sh")
    rootfs = Rootfs(root)
    identity = rootfs.identity(spec.user)
    if not identity.uid and identity.gid:
        raise Unsupported(
            f"user {spec.user!r}: root with group {identity.gid} is not supported",
            hint="name another user, or leave the group away",
        )
    workdir = spec.workdir or "/"
    if shares_host_files(spec.rootfs) and not rootfs.on_host(workdir).is_dir():
        raise NotFound(f"working directory {workdir} does not exist in {spec.rootfs}")
    search = environment_of(container, identity.home)["PATH"]
    rootfs.check_program(spec.command[0], search, workdir)
    for mount in spec.mounts:
        _check_mount(mount, rootfs)
        _check_reachable(Path(mount.source), identity)
    _check_reachable(root, identity)
    kept_capabilities(spec)
    return identity


def bubblewrap() -> str:
    """Path of the program; raises Unavailable."""
    path = shutil.which("bwrap")
    if path is None:
        raise Unavailable("bubblewrap is not installed", hint="apt install bubblewrap")
    return os.path.realpath(path)


def shares_host_files(rootfs: str) -> bool:
    """`--rootfs /`: the host's files, read-only."""
    return os.path.realpath(rootfs) == "/"


def mount_points(container: Container) -> Iterator[tuple[str, bool]]:
    """What must exist in a container's own root, and whether as a folder."""
    yield from ((f"/{name}", True) for name in ("dev", "proc", "sys"))
    yield from ((f"/etc/{name}", False) for name in NAME_FILES)
    yield from ((m.target, Path(m.source).is_dir()) for m in container.spec.mounts)
    if container.spec.workdir:
        yield container.spec.workdir, True


def is_mapped(uid: int) -> bool:
    """Whether this user namespace has that uid: the lab of an ordinary user has only its 0."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    ranges = ((int(first), int(count)) for first, _outside, count in map(str.split, lines))
    return any(first <= uid < first + count for first, count in ranges)


def _check_reachable(path: Path, identity: Identity) -> None:
    """Bubblewrap runs as the container's user where that is not root."""
    if not identity.uid or not is_mapped(identity.uid):
        return
    for folder in path.parents:
        if not folder.exists():
            continue
        status = folder.stat()
        owner, group = status.st_uid == identity.uid, status.st_gid in identity.groups
        bit = stat.S_IXUSR if owner else stat.S_IXGRP if group else stat.S_IXOTH
        if not status.st_mode & bit:
            raise InvalidRequest(
                f"uid {identity.uid} cannot reach {path}: {folder} is closed to it",
                hint=f"chmod o+x {folder}, or run without --user",
            )


def _check_mount(mount: Mount, rootfs: Rootfs) -> None:
    if not os.path.lexists(mount.source):
        hint = f"mkdir -p {mount.source}"
        raise NotFound(f"mount source {mount.source} does not exist", hint=hint)
    if not shares_host_files(str(rootfs.folder)) or rootfs.on_host(mount.target).exists():
        return
    place = PurePosixPath(rootfs.resolve(mount.target))
    top = place.parts[1]
    if top not in {"run", "tmp"} and Path("/", top).exists():
        raise InvalidRequest(
            f"cannot create mount point {mount.target}: with --rootfs / files are read-only",
            hint=f"mount on a path that exists, or on a new one such as /{place.name}",
        )
