"""Names from the daemon if it runs: a read-only view never starts it, and does without."""

from glassbridge.app.service import connect_if_running
from glassbridge.errors import GlassbridgeError
from glassbridge.model.views import NetworkView, SandboxView


def sandboxes_if_known() -> tuple[SandboxView, ...]:
    """Every sandbox of ours, or nothing when the daemon is silent."""
    try:
        client = connect_if_running()
        if client is None:
            return ()
        with client:
            return client.get("/v1/sandboxes", tuple[SandboxView, ...])
    except GlassbridgeError:
        return ()


def networks_if_known() -> tuple[NetworkView, ...]:
    """Every network of ours, or nothing when the daemon is silent."""
    try:
        client = connect_if_running()
        if client is None:
            return ()
        with client:
            return client.get("/v1/networks", tuple[NetworkView, ...])
    except GlassbridgeError:
        return ()
