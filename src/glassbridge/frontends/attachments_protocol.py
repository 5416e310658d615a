"""What the CNI and netavark front-ends need of the engine; each call blocks until committed."""

from collections.abc import Collection
from typing import Protocol

from glassbridge.model.attachment import (
    AS_ADDED,
    Attachment,
    AttachmentKey,
    AttachmentRequest,
    Told,
)
from glassbridge.model.network import Managed, Network
from glassbridge.model.requests import NetworkRequest


class AttachmentsEngine(Protocol):
    """Interfaces that a CNI runtime or netavark orders, one at a time."""

    def define(self, request: NetworkRequest) -> Network:
        """Define a managed network, or bring its definition up to date; cheap when it is the same.

        Raises Conflict where it cannot change under its members: another subnet, another bridge.
        """

    def remove(self, network: Managed) -> None:
        """Remove a managed network and its bridge; gone already is success, members a Conflict."""

    def networks(self) -> tuple[Network, ...]:
        """Every managed network."""

    def add(self, request: AttachmentRequest) -> Attachment:
        """Plug it in, whole or not at all.

        Raises Conflict when the interface, the address or a host port is taken, PoolExhausted.
        """

    def delete(self, key: AttachmentKey) -> Attachment | None:
        """Take it away by our own state alone; None: it was unknown, which is success."""

    def find(self, key: AttachmentKey) -> Attachment | None:
        """What stands under a key."""

    def attached(self, network: Managed) -> tuple[Attachment, ...]:
        """All that stand on a network."""

    def differences(self, key: AttachmentKey, told: Told = AS_ADDED) -> tuple[str, ...]:
        """What of it the kernel has otherwise: link, address, route, firewall, shaping, setting.

        What was told of is none. Raises NotFound.
        """

    def obstacles(self, network: Managed | None) -> tuple[str, ...]:
        """Why `add` could not work at present: no free address, nftables refused, ...; cheap."""

    def retain(self, network: Managed, valid: Collection[AttachmentKey]) -> tuple[str, ...]:
        """Delete every attachment of a network but the valid ones; returns what could not be."""
