"""Containers of other engines, where only ours will do: who can do it instead."""

from collections.abc import Iterator
from contextlib import contextmanager

from glassbridge.app.client import Client
from glassbridge.app.everybody import container_called
from glassbridge.errors import Conflict, NotFound
from glassbridge.model.ruleset import Origin
from glassbridge.model.views import SandboxView

_OWN_COMMANDS = {
    Origin.DOCKER: {
        **{v: f"docker {v}" for v in ("start", "stop", "rm", "logs", "exec")},
        "detach": "docker network disconnect NETWORK",
    },
    Origin.PODMAN: {
        **{v: f"podman {v}" for v in ("start", "stop", "rm", "logs", "exec")},
        "detach": "podman network disconnect NETWORK",
    },
    Origin.CONTAINERD: {
        "start": "ctr task start",
        "stop": "ctr task kill",
        "rm": "ctr container rm",
        "exec": "ctr task exec --exec-id 1",
    },
    Origin.KUBERNETES: {"rm": "kubectl delete pod", "logs": "kubectl logs", "exec": "kubectl exec"},
}
"""What does it in the engine's own words; a name follows."""


@contextmanager
def ours_only(daemon: Client, name: str, verb: str) -> Iterator[None]:
    """Say whose a container is that our daemon does not know as its own, and who can do `verb`."""
    try:
        yield
    except NotFound as unknown:
        other = container_called(daemon, name, unknown)
        raise _refusal(other, verb) from None


def _refusal(other: SandboxView, verb: str) -> Conflict:
    name = other.sandbox.name
    command = _OWN_COMMANDS.get(other.engine, {}).get(verb, "")
    return Conflict(
        f"{name} is a container of {other.engine}'s: glassbridge {verb} is for its own",
        hint=f"{command} {name}" if command else f"ask {other.engine} to do it",
    )
