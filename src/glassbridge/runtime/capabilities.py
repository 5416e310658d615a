"""Capabilities by name and number, and which of them a container keeps."""

from glassbridge.errors import PermissionRefused
from glassbridge.model.container import DOCKER_CAPABILITIES, ContainerSpec
from glassbridge.model.container_flags import ALL_CAPABILITIES, parse_capability
from glassbridge.runtime.syscalls import permitted_capabilities

# linux/capability.h, in the order of their numbers
_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
NUMBERS = {f"CAP_{name}": number for number, name in enumerate(_NAMES.split())}


def kept_capabilities(spec: ContainerSpec) -> frozenset[str]:
    """Docker's 14, more or fewer as asked; never more than this process has itself.

    Raises PermissionRefused for one that was added by name and cannot be given.
    """
    held = permitted_capabilities()
    ours = frozenset(name for name, number in NUMBERS.items() if held >> number & 1)
    if spec.privileged:
        return ours
    added = {parse_capability(name) for name in spec.cap_add}
    dropped = {parse_capability(name) for name in spec.cap_drop}
    missing = added - ours - {ALL_CAPABILITIES}
    if missing:
        raise PermissionRefused(
            f"cannot add {', '.join(sorted(missing))}: this process does not have it itself",
            hint="run as root, outside of a restricted container",
        )
    return _tweaked(added, dropped) & ours


def capability_mask(names: frozenset[str]) -> int:
    """The kernel's bit mask."""
    return sum(1 << NUMBERS[name] for name in names)


def _tweaked(added: set[str], dropped: set[str]) -> frozenset[str]:
    """Docker's rule (moby daemon/pkg/oci/caps): drop ALL first, and what is added is added."""
    every = frozenset(NUMBERS)
    if ALL_CAPABILITIES in dropped:
        return every if ALL_CAPABILITIES in added else frozenset(added)
    if ALL_CAPABILITIES in added:
        return every - dropped
    return frozenset(DOCKER_CAPABILITIES) - dropped | added
