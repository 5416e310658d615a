"""Names from the daemon if it runs: a read-only view never starts it, and does without."""

from typing import Generic, TypeVar

from glassbridge.app.client import Client
from glassbridge.app.service import connect_if_running
from glassbridge.errors import GlassbridgeError
from glassbridge.model.views import NetworkView, SandboxView

T = TypeVar("T")


class Asked(Generic[T]):
    """A question to the daemon, which answers it while we do something else."""

    def __init__(self, path: str, expected: type[tuple[T, ...]]) -> None:
        self._expected = expected
        self._client: Client | None = None
        try:
            self._client = connect_if_running()
            if self._client is not None:
                self._client.ask(path)
        except GlassbridgeError:  # it is not for us, or just ending
            return

    def answer(self) -> tuple[T, ...]:
        """What it says, once; nothing when it is silent."""
        if self._client is None:
            return ()
        try:
            with self._client as client:
                return client.hear(self._expected)
        except GlassbridgeError:
            return ()


def ask_for_sandboxes() -> Asked[SandboxView]:
    """Ask for every sandbox of ours."""
    return Asked("/v1/sandboxes", tuple[SandboxView, ...])


def ask_for_networks() -> Asked[NetworkView]:
    """Ask for every network of ours, not who is on it."""
    return Asked("/v1/networks?members=false", tuple[NetworkView, ...])


def sandboxes_if_known() -> tuple[SandboxView, ...]:
    """Every sandbox of ours, or nothing when the daemon is silent."""
    return ask_for_sandboxes().answer()


def networks_if_known() -> tuple[NetworkView, ...]:
    """Every network of ours, or nothing when the daemon is silent."""
    return ask_for_networks().answer()
