"""Attachments without a kernel: an engine's answers from values in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Any

from glassbridge.errors import Conflict, NotFound
from glassbridge.model.address import IPInterface, Mac
from glassbridge.model.attachment import (
    AS_ADDED,
    Attachment,
    AttachmentKey,
    AttachmentRequest,
    Told,
)
from glassbridge.model.endpoint import Endpoint, EndpointId, Sandbox, SandboxId
from glassbridge.model.network import Ifname, Managed, Network, NetworkId, Subnet
from glassbridge.model.options import parse_options
from glassbridge.model.requests import NetworkRequest, SubnetWish


class AttachmentsStandIn:
    """Leases the tenth address and those behind it; `fault` makes every call fail with it."""

    def __init__(self) -> None:
        self.defined: dict[Managed, NetworkRequest] = {}
        self.asked: dict[AttachmentKey, AttachmentRequest] = {}
        self.there: dict[AttachmentKey, Attachment] = {}
        self.deleted: list[AttachmentKey] = []
        self.retained: list[tuple[Managed, set[AttachmentKey]]] = []
        self.fault: Exception | None = None
        self.blocked: tuple[str, ...] = ()
        self.different: tuple[str, ...] = ()
        self.told = AS_ADDED
        self.unremovable: tuple[str, ...] = ()

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def define(self, request: NetworkRequest) -> Network:
        self._check()
        assert request.managed is not None
        self.defined[request.managed] = request
        return self._network(request.managed)

    def remove(self, network: Managed) -> None:
        self.defined.pop(network, None)

    def networks(self) -> tuple[Network, ...]:
        return tuple(self._network(m) for m in self.defined)

    def add(self, request: AttachmentRequest) -> Attachment:
        self._check()
        if request.key in self.there:
            raise Conflict(f"{request.key} is there already", hint="delete it first")
        network = self._network(request.key.network)
        attachment = Attachment(
            key=request.key,
            network=network,
            endpoint=_endpoint(network, request, 10 + len(self.there)),
            sandbox=Sandbox(
                id=SandboxId(request.key.container),
                name=request.name or request.key.container,
                netns=request.netns,
                netns_cookie=1,
            ),
        )
        self.there[request.key] = attachment
        self.asked[request.key] = request
        return attachment

    def delete(self, key: AttachmentKey) -> Attachment | None:
        self._check()
        self.deleted.append(key)
        return self.there.pop(key, None)

    def find(self, key: AttachmentKey) -> Attachment | None:
        return self.there.get(key)

    def attached(self, network: Managed) -> tuple[Attachment, ...]:
        return tuple(a for k, a in self.there.items() if k.network == network)

    def differences(self, key: AttachmentKey, told: Told = AS_ADDED) -> tuple[str, ...]:
        self.told = told
        if key not in self.there:
            raise NotFound(f"no such attachment: {key}")
        return self.different

    def obstacles(self, network: Managed | None) -> tuple[str, ...]:
        self._check()
        return self.blocked

    def retain(self, network: Managed, valid: Collection[AttachmentKey]) -> tuple[str, ...]:
        self.retained.append((network, set(valid)))
        for key in [k for k in self.there if k.network == network and k not in valid]:
            self.delete(key)
        return self.unremovable

    def _network(self, managed: Managed) -> Network:
        request = self.defined[managed]
        parsed = parse_options(request.options)  # a key that is misspelt ends here
        digest = hashlib.sha256(managed.key.encode()).hexdigest()
        by_version = {ip_network(s.subnet).version: _subnet(s) for s in request.subnets}
        return Network(
            id=NetworkId(digest),
            name=request.name,
            bridge=parsed.bridge or Ifname(f"gb-{digest[:8]}"),
            bridge_mac=Mac("02:42:00:00:00:01"),
            ipv4=by_version.get(4),
            ipv6=by_version.get(6),
            more=tuple(map(_subnet, request.more)),
            options=parsed.options,
            managed=managed,
        )


def _subnet(wish: SubnetWish) -> Subnet:
    return Subnet(
        prefix=ip_network(wish.subnet),
        gateway=ip_address(wish.gateway),
        range_set=wish.range_set,
    )


def _endpoint(network: Network, request: AttachmentRequest, number: int) -> Endpoint:
    held: list[IPInterface] = list(request.given or ())
    if request.cable is not None:
        held = list(request.cable.addresses)
    elif request.given is None:
        for subnet in {(s.prefix.version, s.range_set): s for s in network.subnets}.values():
            version = subnet.prefix.version
            wish = next((w for w in request.wishes if w.version == version), None)
            held.append(ip_interface(f"{wish or subnet.prefix[number]}/{subnet.prefix.prefixlen}"))
    fields: dict[str, Any] = {"more": ()}
    for address in held:
        name = "ipv4" if isinstance(address, IPv4Interface) else "ipv6"
        assert isinstance(address, IPv4Interface | IPv6Interface)
        if name in fields:
            fields["more"] += (address,)
        else:
            fields[name] = address
    return Endpoint(
        id=EndpointId(f"{number:064x}"),
        network=network.id,
        sandbox=SandboxId(request.key.container),
        ifname=request.key.ifname,
        host_end=Ifname(f"veth{number:07x}"),
        mac=Mac(request.mac or f"02:42:0a:00:00:{number:02x}"),
        host_mac=Mac(f"02:c2:00:00:00:{number:02x}"),
        **fields,
    )
