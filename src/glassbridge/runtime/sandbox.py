"""A container as arguments of bubblewrap: what it sees of the host, and what it may do."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from glassbridge.model.container import Container, Mount
from glassbridge.runtime.capabilities import kept_capabilities
from glassbridge.runtime.rootfs import Identity, Rootfs

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAME_FILES = ("hosts", "hostname", "resolv.conf")
"""Files of /etc that every container has of its own."""

# Docker's lists (moby oci/defaults.go)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_MADE_ANEW = frozenset(("dev", "proc", "run", "sys", "tmp"))
_NAMESPACES = ("--unshare-pid", "--unshare-uts", "--unshare-ipc", "--unshare-cgroup-try")


def hostname_of(container: Container) -> str:
    """As Docker: the short id unless one was asked for."""
    return container.spec.hostname or container.id[:12]


def environment_of(container: Container, home: str) -> dict[str, str]:
    """Docker's defaults, and what was asked for."""
    defaults = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname_of(container), "HOME": home}
    terminal = {"TERM": "xterm"} if container.spec.tty else {}
    return {**defaults, **terminal, **container.spec.environment}


def sandbox_arguments(container: Container, identity: Identity, folder: Path) -> list[str]:
    """Options of bubblewrap for a container whose own files lie in `folder`."""
    spec = container.spec
    host_root = os.path.realpath(spec.rootfs) == "/"
    rootfs = Rootfs(Path(spec.rootfs))
    root = _shared_root(rootfs) if host_root else ["--bind", spec.rootfs, "/"]
    environment = environment_of(container, identity.home)
    # the command is pid 1, as with Docker: with its end the kernel ends whatever it has started
    return [
        *(*_NAMESPACES, "--as-pid-1", "--hostname", hostname_of(container)),
        *root,
        *_kernel_file_systems(spec.privileged),
        *_name_files(rootfs, folder),
        *_mounts(rootfs, spec.mounts),
        *(["--remount-ro", "/"] if host_root else []),
        *("--chdir", spec.workdir or "/", "--clearenv"),
        *(word for pair in environment.items() for word in ("--setenv", *pair)),
        *_privileges(container, identity),
    ]


def _shared_root(rootfs: Rootfs) -> list[str]:
    """The host's files one by one, read-only, on an empty root that can take mount points.

    Binding `/` whole would carry a copy of every mount below /run along.
    """
    lacking = [n for n in NAME_FILES if not _can_be_bound(rootfs, f"/etc/{n}")]
    skipped = _MADE_ANEW | {"etc"} if lacking else _MADE_ANEW
    arguments = [*_each_entry(Path("/"), skipped)]
    if lacking:  # a file cannot be created below a read-only folder
        arguments += _each_entry(Path("/etc"), frozenset(lacking))
    return [*arguments, "--perms", "1777", "--tmpfs", "/tmp", "--tmpfs", "/run"]  # noqa: S108 - its own


def _can_be_bound(rootfs: Rootfs, path: str) -> bool:
    place = rootfs.resolve(path)
    return place.startswith(("/run/", "/tmp/")) or Path(place).is_file()  # noqa: S108 - its own


def _each_entry(folder: Path, skipped: frozenset[str]) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        if entry.name in skipped:
            continue
        if entry.is_symlink():
            yield from ("--symlink", str(entry.readlink()), str(entry))
        else:
            yield from ("--ro-bind-try", str(entry), str(entry))


def _kernel_file_systems(privileged: bool) -> list[str]:
    arguments = ["--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue"]
    arguments += ["--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108 - its own
    if privileged:
        # bubblewrap always covers parts of /proc; a mount of the host's shows the same sysctls,
        # for those of a network belong to whoever looks
        return [*arguments, *_bind("--dev-bind", _READ_ONLY), "--bind", "/sys", "/sys"]
    arguments += [*_bind("--ro-bind", _READ_ONLY), "--ro-bind", "/sys", "/sys"]
    for path in filter(os.path.lexists, _MASKED):
        if Path(path).is_dir():
            arguments += ["--tmpfs", path, "--remount-ro", path]
        else:
            arguments += ["--ro-bind", "/dev/null", path]
    return arguments


def _bind(option: str, paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if Path(path).exists():
            yield from (option, path, path)


def _name_files(rootfs: Rootfs, folder: Path) -> Iterator[str]:
    """Bound where a link leads: systemd-resolved's /etc/resolv.conf leads into /run."""
    for name in NAME_FILES:
        yield from ("--bind", str(folder / name), rootfs.resolve(f"/etc/{name}"))


def _mounts(rootfs: Rootfs, mounts: Sequence[Mount]) -> Iterator[str]:
    """Outer targets first, or they would cover inner ones."""
    for mount in sorted(mounts, key=lambda m: len(PurePosixPath(m.target).parts)):
        option = "--ro-bind" if mount.read_only else "--bind"
        yield from (option, mount.source, rootfs.resolve(mount.target))


def _privileges(container: Container, identity: Identity) -> Iterator[str]:
    """Root has the kept capabilities; another user has a user namespace of its own, and none."""
    if identity.uid:
        yield from ("--unshare-user", "--uid", str(identity.uid), "--gid", str(identity.gid))
        yield from ("--cap-drop", "ALL")
    elif not container.spec.privileged:
        yield from ("--cap-drop", "ALL")
        for name in sorted(kept_capabilities(container.spec)):
            yield from ("--cap-add", name)
