"""The lab: a world of its own for one command, gone when the command ends.

Its user, network, mount and process namespaces hold a whole glassbridge, daemon included. Nothing
heavy is imported here: a user namespace cannot be entered by a process with threads.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from glassbridge.app.attendant import attend, attend_as_init, block_signals, die_with_parent
from glassbridge.app.lab_refusal import Setting, forbidding_settings, refusal
from glassbridge.errors import KernelRefused, NotFound
from glassbridge.runtime import syscalls

_NAMESPACES = (
    ("network", syscalls.NEWNET),
    ("mount", syscalls.NEWNS),
    ("process", syscalls.NEWPID),
)
_SAFE = syscalls.MS_NOSUID | syscalls.MS_NODEV
_ENTERED = b"entered"
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")
_HOSTS_OWN = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger", "/sys")


def run_lab(command: Sequence[str]) -> int:
    """Run a command, else a shell, in a lab; returns its exit code, 128 + n if killed.

    Raises PermissionRefused with the way to allow it where the kernel refuses a namespace.
    """
    environment = _environment(os.environ)
    words = list(command) or [environment.get("SHELL") or "/bin/sh"]
    program = shutil.which(words[0], path=environment["PATH"])
    if program is None:
        raise NotFound(f"program {words[0]} does not exist", hint="lab -- COMMAND [ARGUMENT...]")
    if not command and sys.stderr.isatty():
        _say("a network of its own; nothing on the host changes. `exit` ends it, and all in it.")
    sys.stdout.flush()
    forbidden = forbidding_settings()  # each user namespace has its own, so ask while outside
    _leave_the_host(forbidden)
    reading, writing = os.pipe2(os.O_CLOEXEC)
    before = block_signals()
    first = os.fork()
    if first == 0:
        _be_first_process(program, words, environment, writing)
    os.close(writing)
    with os.fdopen(reading) as failures:
        failure = failures.read()
    code = attend(first, before)
    if failure:
        raise refusal("furnish the lab", OSError(code, failure), forbidden)
    return code


def _leave_the_host(forbidden: Sequence[Setting]) -> None:
    """Enter new namespaces; as root without a user namespace where that alone is refused."""
    if os.geteuid() == 0:
        _uncover_proc()
    try:
        _enter_user_namespace()
    except OSError as error:
        refused = refusal("create a user namespace", error, forbidden)
        if os.geteuid() != 0:
            raise refused from error
        _say(f"{refused.message}; going on as root itself")
    for name, kind in _NAMESPACES:
        try:
            syscalls.unshare(kind)
        except OSError as error:
            raise refusal(f"create a {name} namespace", error, forbidden) from error


def _uncover_proc() -> None:
    """A lab in a lab: a user namespace gets a procfs only where it sees one without covers."""
    with suppress(OSError):
        syscalls.unshare(syscalls.NEWNS)
        syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_SLAVE)
        syscalls.mount("proc", "/proc", "proc", _SAFE | syscalls.MS_NOEXEC)


def _enter_user_namespace() -> None:
    """Become its root: with all the ids that root has here, or else with our own one only.

    The maps are written from outside, where root has the right to map more than its own.
    """
    me = os.getpid()
    maps = _maps()
    waiting, telling = os.pipe2(os.O_CLOEXEC)
    writer = os.fork()
    if writer == 0:
        os.close(telling)
        entered = os.read(waiting, len(_ENTERED)) == _ENTERED
        os._exit(_write_maps(Path(f"/proc/{me}"), maps) if entered else 0)
    os.close(waiting)
    try:
        syscalls.unshare(syscalls.NEWUSER)
        os.write(telling, _ENTERED)
    finally:
        os.close(telling)
        _, status = os.waitpid(writer, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        raise KernelRefused("map our user id into a user namespace", code)


def _maps() -> dict[str, str]:
    """The content of files below /proc/PID, in the order that user_namespaces(7) wants."""
    if os.geteuid() == 0:
        return {name: _identity(Path("/proc/self", name)) for name in ("uid_map", "gid_map")}
    return {
        "setgroups": "deny",
        "uid_map": f"0 {os.geteuid()} 1",
        "gid_map": f"0 {os.getegid()} 1",
    }


def _identity(ours: Path) -> str:
    """Every id that is mapped here, mapped to itself."""
    ranges = (line.split() for line in ours.read_text().splitlines())
    return "".join(f"{first} {first} {count}\n" for first, _outside, count in ranges)


def _write_maps(process: Path, maps: Mapping[str, str]) -> int:
    """Return 0, or the errno."""
    try:
        for name, content in maps.items():
            (process / name).write_text(content)
    except OSError as error:
        return error.errno or 1
    return 0


def _be_first_process(
    program: str, words: list[str], environment: Mapping[str, str], failures: int
) -> NoReturn:
    """Pid 1 of the lab: when it ends, the kernel ends all others."""
    code = 1
    try:
        die_with_parent()
        _furnish(environment)
        os.close(failures)
        code = attend_as_init(program, words, environment)
    except OSError as error:
        os.write(failures, (error.strerror or str(error)).encode())
        code = error.errno or 1
    except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _furnish(environment: Mapping[str, str]) -> None:
    """Mount what must belong to the new namespaces, and bring lo up."""
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_SLAVE)
    syscalls.mount("proc", "/proc", "proc", _SAFE | syscalls.MS_NOEXEC)
    _mount_sysfs(_SAFE | syscalls.MS_NOEXEC)
    syscalls.mount("tmpfs", "/run", "tmpfs", _SAFE, "mode=755")
    if _is_hosts_root():
        _shield_host()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env=environment)


def _mount_sysfs(flags: int) -> None:
    """Without one of its own, `brctl show` would list the host's bridges."""
    try:
        syscalls.mount("sysfs", "/sys", "sysfs", flags)
    except PermissionError:  # the one below is read-only and locked: so must ours be
        syscalls.mount("sysfs", "/sys", "sysfs", flags | syscalls.MS_RDONLY)


def _is_hosts_root() -> bool:
    first, outside, _count = Path("/proc/self/uid_map").read_text().split()[:3]
    return (first, outside) == ("0", "0")


def _shield_host() -> None:
    """Keep the host's root from setting what is the host's alone.

    A file of /proc/sys or /sys asks for the owner only, so a user namespace does not stop uid 0.
    """
    network = os.open("/proc/sys/net", os.O_PATH | os.O_CLOEXEC)
    syscalls.bind_read_only("/proc/sys")
    syscalls.mount(f"/proc/self/fd/{network}", "/proc/sys/net", "", syscalls.MS_BIND)
    os.close(network)
    for path in filter(os.path.exists, _HOSTS_OWN):
        syscalls.bind_read_only(path)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The caller's, with the programs of an administrator and our own command on the PATH."""
    folders = [*ours.get("PATH", "").split(":"), sysconfig.get_path("scripts"), *_SYSTEM_FOLDERS]
    return {
        **ours,
        "PATH": ":".join(dict.fromkeys(filter(None, folders))),
        "GLASSBRIDGE_LAB": "1",
        "GLASSBRIDGE_STATE_DIR": "/run/glassbridge/state",
    }


def _say(text: str) -> None:
    sys.stderr.write(f"lab: {text}\n")
