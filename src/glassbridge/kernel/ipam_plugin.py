"""A CNI plugin that somebody else wrote, run for the addresses of one interface."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from glassbridge.errors import InvalidRequest, Unavailable


class Outcome(Struct, frozen=True, kw_only=True):
    """What it answered."""

    status: int
    stdout: bytes
    stderr: bytes


def find_plugin(name: str, folders: Sequence[str]) -> Path:
    """Find a plugin as libcni does: the first file of that name; raises Unavailable."""
    if "/" in name or "\0" in name or name in {".", ".."}:
        raise InvalidRequest(f"invalid IPAM plugin name {name[:80]!r}")
    for folder in folders:
        program = Path(folder) / name
        if program.is_file():
            return program
    raise Unavailable(
        f"failed to find IPAM plugin {name!r} in CNI_PATH {':'.join(folders)!r}",
        hint="install it there, or let glassbridge lease the addresses: see docs/cni.md",
    )


def run_plugin(
    program: Path, environment: Mapping[str, str], stdin: bytes, seconds: float
) -> Outcome:
    """Run it to its end, in our own namespace; raises Unavailable when it takes too long.

    It gets a process group of its own: what it started goes with it, and cannot hold its pipes.
    """
    try:
        child = subprocess.Popen(
            [program],
            env={"PATH": os.environ.get("PATH", os.defpath), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"cannot run IPAM plugin {program}: {error.strerror}") from None
    with child:
        try:
            stdout, stderr = child.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise Unavailable(
                f"IPAM plugin {program} did not answer within {seconds:g} seconds"
            ) from None
    return Outcome(status=child.returncode, stdout=stdout, stderr=stderr)
