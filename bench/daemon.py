"""The real daemon, started as the command line starts it, and asked over its socket."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from bench.http_client import Burst, Connection, burst, encode

_LIMIT_SECONDS = 15
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)
_OK, _CREATED = 200, 201


class Daemon:
    """One daemon with folders of its own below `folder`, and one kept connection to it."""

    def __init__(self, folder: Path) -> None:
        run_dir, self._log = folder / "run", folder / "daemon.log"
        self.environment = {
            **os.environ,
            "GLASSBRIDGE_RUN_DIR": str(run_dir),
            "GLASSBRIDGE_STATE_DIR": str(folder / "state"),
        }
        self.socket = run_dir / "glassbridge.sock"
        reader, writer = os.pipe()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "glassbridge", "daemon", f"--ready-fd={writer}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                pass_fds=(writer,),
            )
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read()
        if said != b"ready\n":
            self._process.wait(_LIMIT_SECONDS)
            raise RuntimeError(f"the daemon did not start: {self._log.read_text()}")
        self.connection = Connection(self.socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.connection.socket.close()
        self._process.terminate()
        self._process.wait(_LIMIT_SECONDS)
        if error is not None:
            sys.stderr.write(self._log.read_text())

    def make_network(self, name: str) -> None:
        self.connection.request(encode("POST", "/v1/networks", {"name": name}), _CREATED)

    def attach(self, request: bytes) -> float:
        """Attach; microseconds to the answer."""
        return self.connection.request(request, _CREATED)

    def detach(self, name: str) -> float:
        """Detach; microseconds to the answer, when the links are gone."""
        return self.connection.request(detach_request(name), _OK)

    def attach_all(self, requests: Sequence[bytes], concurrency: int) -> Burst:
        return burst(self.socket, requests, concurrency, _CREATED)

    def detach_all(self, names: Sequence[str], concurrency: int) -> Burst:
        return burst(self.socket, [detach_request(n) for n in names], concurrency, _OK)

    def resident_mb(self) -> float:
        """Resident memory now, in 10^6 bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = _RESIDENT.search(status)
        if found is None:
            raise RuntimeError("the daemon has ended")
        return int(found[1]) * 1024 / 1e6

    def ps(self, expected: int) -> float:
        """Run `glassbridge ps` as a user does; microseconds of wall time."""
        took, shown = self._run("ps")
        listed = len(shown.splitlines()) - 1  # without the headings
        if listed != expected:
            raise RuntimeError(f"ps lists {listed} instead of {expected}")
        return took

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """The command line that a user types, for `environment`."""
        return [str(Path(sys.executable).with_name("glassbridge")), *arguments]

    def _run(self, *arguments: str) -> tuple[float, str]:
        began = perf_counter()
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return (perf_counter() - began) * 1e6, done.stdout


def attach_request(name: str, netns: str, network: str, host_port: int | None = None) -> bytes:
    """Encode an attach, outside the clock."""
    body: dict[str, object] = {
        "name": name,
        "netns": netns,
        "networks": [{"network": network}],
    }
    if host_port is not None:
        body["ports"] = [{"container_port": 80, "host_ports": [host_port, host_port]}]
    return encode("POST", "/v1/sandboxes", body)


def detach_request(name: str) -> bytes:
    return encode("DELETE", f"/v1/sandboxes/{name}")
