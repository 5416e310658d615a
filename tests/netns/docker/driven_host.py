"""A host whose Docker has glassbridge as network driver and address manager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.netns.foreign.machine import Machine, wait_until

either_docker = pytest.mark.parametrize(
    "docker", ["host", "later_host"], ids=["installed", "later"], indirect=True
)
"""A test of the fixture `docker` that is made with a Docker from 28 on as well."""
RULES_FOR_IPV6 = ("--experimental", "--ip6tables")
"""What Docker has from 27 on unasked."""
PAGE = ("httpd", "-f", "-p", "80")
_OUTSIDE_ROUTES = ("172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16")
_DOCKER = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
"""That of dockerd's own package: one much newer refuses some flags."""
_ASK = ("curl", "-sS", "--unix-socket", "/run/glassbridge/glassbridge.sock")
_HERE = Path(__file__).parent
_SRC = _HERE.parents[2] / "src"


class DrivenHost:
    """dockerd and the glassbridge daemon of one machine."""

    def __init__(self, machine: Machine, archive: Path, folder: Path, *flags: str) -> None:
        self.machine = machine
        self._flags = flags
        self._folder = folder
        self.enabled = machine.screen("docker", "enable")
        self.start_docker()
        self("import", str(archive), "page")
        for prefix in _OUTSIDE_ROUTES:
            machine("ip", "-n", "outside", "route", "add", prefix, "via", "203.0.113.1")
        self.bare = self.traces()

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    # -- Docker

    def __call__(self, *words: str) -> str:
        """What the docker command prints."""
        return self.machine(_DOCKER, *words).strip()

    def refused(self, *words: str) -> str:
        done = self.machine.run(_DOCKER, *words)
        assert done.returncode != 0, f"docker {' '.join(words)}\n{done.stdout}"
        return done.stderr.strip()

    def inspect(self, name: str) -> Any:
        return json.loads(self("inspect", name))[0]

    def network(self, name: str, *options: str, ours: bool = True) -> str:
        """A network of ours; its addresses are ours, too, or Docker's."""
        ipam = ("--ipam-driver", "glassbridge") if ours else ()
        return self("network", "create", "-d", "glassbridge", *ipam, *options, name)

    def run(self, name: str, network: str, *options: str) -> str:
        """A container that serves a page."""
        chosen = ("--name", name, "--hostname", name, "--stop-signal=KILL", "--network", network)
        return self("run", "-d", *chosen, *options, "page", *PAGE)

    def remove(self, *names: str) -> None:
        self("rm", "-f", *names)

    def start_docker(self) -> None:
        self.launch_docker()
        self.wait_for_docker()

    def launch_docker(self) -> subprocess.Popen[bytes]:
        command = ("dockerd", "--log-level=debug", *self._flags)
        return self.machine.start(*command, log=self.log("dockerd"))

    def wait_for_docker(self) -> None:
        wait_until("dockerd answers", self._docker_answers)

    def _docker_answers(self) -> bool:
        return self.machine.run("docker", "version").returncode == 0

    def configure_docker(self, **settings: bool) -> None:
        """Change what dockerd reads anew while it runs."""
        text = json.dumps({key.replace("_", "-"): value for key, value in settings.items()})
        self.machine("mkdir", "-p", "/etc/docker")
        self.machine("tee", "/etc/docker/daemon.json", text=text)
        self.machine("kill", "-HUP", self.docker_pid)
        wanted = [str(value).lower() for value in settings.values()]
        wait_until("dockerd has read it", lambda: self._live_restore() in wanted)

    def _live_restore(self) -> str:
        return self("info", "--format", "{{.LiveRestoreEnabled}}")

    def stop_docker(self, *, kill: bool = False) -> None:
        pid = self.docker_pid
        self.machine("kill", "-9" if kill else "-15", pid)
        self.bury_docker(pid, kill=kill)

    @property
    def docker_pid(self) -> str:
        return self.machine("cat", "/var/run/docker.pid").strip()

    def bury_docker(self, pid: str, *, kill: bool) -> None:
        """Wait for the end of a dockerd; one that was killed leaves its file."""
        # only a name in /proc tells: a zombie has no command line either
        wait_until("dockerd ends", lambda: not self._command_line(pid))
        if kill:
            self.machine("rm", "-f", "/var/run/docker.pid")

    def _command_line(self, pid: str) -> str:
        return self.machine.run("cat", f"/proc/{pid}/cmdline").stdout

    # -- glassbridge

    @property
    def daemon(self) -> int:
        return int(self.asked("/v1/status")["pid"])

    def kill_daemon(self) -> None:
        pid = str(self.daemon)
        self.machine("kill", "-9", pid)
        wait_until("the daemon ends", lambda: not self._command_line(pid))

    def start_daemon(self) -> None:
        """As its service would, after it died."""
        self.machine(
            "env", *self._environment(), sys.executable, "-m", "glassbridge", "network", "ls"
        )

    def start_dying_daemon(self, method: str, moment: str) -> subprocess.Popen[bytes]:
        program = str(_HERE / "dying_daemon.py")
        command = ("env", *self._environment(), sys.executable, program, method, moment)
        log = self.log("dying")
        before = self.machine.run("stat", "-c", "%i", "/run/glassbridge/glassbridge.sock").stdout
        process = self.machine.start(*command, log=log)

        def serves() -> bool:
            assert process.poll() is None, log.read_text()
            asked = self.machine.run("stat", "-c", "%i", "/run/glassbridge/glassbridge.sock")
            return asked.returncode == 0 and asked.stdout != before and self._daemon_answers()

        wait_until("the daemon serves", serves)
        return process

    def _daemon_answers(self) -> bool:
        return self.machine.run(*_ASK, "http://localhost/v1/status").returncode == 0

    def asked(self, path: str) -> Any:
        """What the daemon says; a command of ours would take ten times as long."""
        return json.loads(self.machine(*_ASK, f"http://localhost{path}"))

    def _environment(self) -> tuple[str, ...]:
        return (f"PYTHONPATH={_SRC}", f"PATH={os.environ['PATH']}")

    def plugin(self) -> Any:
        return self.machine.look("docker", "status")

    # -- inside

    def inside(self, name: str) -> tuple[str, ...]:
        """What enters the network of a container."""
        return ("nsenter", f"--net=/proc/{self.inspect(name)['State']['Pid']}/ns/net")

    def plugged(self, name: str, network: str) -> Any:
        """What docker inspect has of a container on a network."""
        return self.inspect(name)["NetworkSettings"]["Networks"][network]

    def address(self, name: str, network: str) -> str:
        return str(self.plugged(name, network)["IPAddress"])

    def fetches(self, url: str, *where: str, patience: float = 30) -> bool:
        return self.machine.fetches(url, *where, patience=patience)

    def looks_up(self, name: str, inside: str) -> list[str]:
        """The addresses that a container's resolver gives for a name, sorted."""
        asked = self.machine.run("docker", "exec", inside, "busybox", "nslookup", name)
        lines = asked.stdout.partition("Name:")[2].splitlines()
        return sorted(
            line.partition(":")[2].split()[-1] for line in lines if line.startswith("Address")
        )

    # -- what is left

    def traces(self) -> dict[str, Any]:
        """All that networks and containers of Docker's may leave behind on the host.

        Not Docker's own names of namespaces: it takes them away once in a minute.
        """
        listed = json.loads(self.machine("nft", "-j", "list", "ruleset"))["nftables"]
        sets = [o.get("set") or o.get("map") or {} for o in listed]
        links = json.loads(self.machine("ip", "-j", "link"))
        return {
            "links": sorted(link["ifname"] for link in links),
            "elements": sorted(f"{s['name']} {s['elem']}" for s in sets if "elem" in s),
            "sockets": self.machine("ss", "-Hltun"),
            "networks": [n["network"]["name"] for n in self.asked("/v1/networks")],
            "endpoints": self.asked("/v1/status")["endpoints"],
        }
