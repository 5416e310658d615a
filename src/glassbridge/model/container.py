"""A container of our own runtime: what to run, and how it is doing."""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.endpoint import PortWish, SandboxId

DOCKER_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)


class Mount(Struct, frozen=True, kw_only=True):
    """One `-v SOURCE:TARGET[:ro]`."""

    source: str
    target: str
    read_only: bool = False


class ContainerSpec(Struct, frozen=True, kw_only=True):
    """What `run` asked for, apart from the network."""

    rootfs: str
    command: tuple[str, ...]
    hostname: str = ""
    environment: dict[str, str] = {}
    workdir: str = ""
    user: str = ""
    mounts: tuple[Mount, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    """In place of the host's list; `.` alone: none."""
    dns_options: tuple[str, ...] = ()
    """In place of the host's `options` of resolv.conf(5)."""
    extra_hosts: dict[str, str] = {}
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    interactive: bool = False
    stdin: str = ""
    """Path that opens the caller's input, such as a pipe's /proc/PID/fd/N; empty: /dev/null."""
    tty: str = ""
    """Path of the terminal's slave side, opened by the caller; empty: output goes to the log."""
    auto_remove: bool = False


class NetworkWish(Struct, frozen=True, kw_only=True):
    """One network that a sandbox shall join, and as what."""

    network: str
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    ifname: str = ""
    aliases: tuple[str, ...] = ()
    gateway_priority: int = 0


class ContainerState(StrEnum):
    """Docker's words."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


class Container(Struct, frozen=True, kw_only=True):
    """A container and what became of it."""

    id: SandboxId
    name: str
    spec: ContainerSpec
    network_mode: str = "default"
    """`default` (its endpoints), `none`, `host`, or `container:ID`."""
    networks: tuple[NetworkWish, ...] = ()
    """What it joins at each start."""
    ports: tuple[PortWish, ...] = ()
    state: ContainerState = ContainerState.CREATED
    pid: int | None = None
    """The bubblewrap process that waits for it, on the host."""
    pid_started: int = 0
    """Its start time in clock ticks since boot: tells it from a later process of that pid."""
    exit_code: int | None = None
    created: float = 0.0
    started: float = 0.0
    finished: float = 0.0
