"""Why the kernel refused a lab, found in its settings, and how to allow it."""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from glassbridge.errors import PermissionRefused


class Setting(NamedTuple):
    """A sysctl that forbids namespaces when it has a certain value."""

    name: str
    forbids: str
    allow: str


_SETTINGS = (
    Setting("user.max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    Setting("user.max_net_namespaces", "0", "sysctl -w user.max_net_namespaces=10000"),
    Setting("user.max_mnt_namespaces", "0", "sysctl -w user.max_mnt_namespaces=10000"),
    Setting("user.max_pid_namespaces", "0", "sysctl -w user.max_pid_namespaces=10000"),
    Setting(
        "kernel.unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"
    ),
    Setting(
        "kernel.apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with"
        " `userns,` for this Python",
    ),
)


def forbidding_settings(settings: Path = Path("/proc/sys")) -> tuple[Setting, ...]:
    """Those that forbid namespaces here and now."""
    return tuple(
        setting
        for setting in _SETTINGS
        if _read(settings / setting.name.replace(".", "/")) == setting.forbids
    )


def refusal(attempt: str, error: OSError, forbidden: Sequence[Setting]) -> PermissionRefused:
    """Say what was refused, what does it if that is known, and what allows it."""
    said = f"the kernel refused to {attempt}: {error.strerror}"
    if forbidden:
        setting = forbidden[0]
        return PermissionRefused(
            f"{said} ({setting.name} is {setting.forbids})", hint=f"as root: {setting.allow}"
        )
    if error.errno in (errno.ENOSPC, errno.EUSERS):
        return PermissionRefused(said, hint="too many namespaces, or nested too deeply: see user.*")
    if error.errno == errno.EINVAL:
        return PermissionRefused(said, hint="the kernel needs CONFIG_USER_NS and CONFIG_NET_NS")
    if _is_filtered():
        return PermissionRefused(
            f"{said} (a seccomp filter is in force: is this a container?)",
            hint="docker run --privileged, or --security-opt seccomp=unconfined"
            " --security-opt apparmor=unconfined --security-opt systempaths=unconfined",
        )
    return PermissionRefused(said, hint="run it outside of a chroot or container, or as root")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _is_filtered() -> bool:
    status = _read(Path("/proc/self/status")).splitlines()
    return "Seccomp:\t2" in status
