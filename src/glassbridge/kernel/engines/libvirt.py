"""Networks of libvirt, by the status files of its network driver; a guest has no namespace."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_interface

from glassbridge.kernel.engines.files import Reader
from glassbridge.model.address import IPNetwork
from glassbridge.model.found import Findings
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork

_STATUS = "/run/libvirt/network"

# libvirt writes these files itself, always so; a parser of XML would be a way in for whoever
# can write them
_NAME = re.compile(r"<name>([^<]+)</name>")
_BRIDGE = re.compile(r"<bridge\b[^>]*?\bname='([^']+)'")
_FORWARD = re.compile(r"<forward\b")
_IP = re.compile(r"<ip\b([^>]*)>")
_ATTRIBUTE = re.compile(r"\b(address|netmask|prefix)='([^']+)'")


def find_libvirt(root: str = "") -> Findings:
    """Networks with a bridge of their own."""
    reader = Reader(root)
    found = [_network(reader, p) for p in reader.entries(_STATUS) if p.endswith(".xml")]
    return Findings(
        networks=tuple(n for n in found if n is not None), complaints=tuple(reader.complaints)
    )


def _network(reader: Reader, path: str) -> NamedNetwork | None:
    text = (reader.octets(path) or b"").decode(errors="replace")
    name, bridge = _NAME.search(text), _BRIDGE.search(text)
    if name is None or bridge is None:
        return None
    return NamedNetwork(
        name=name[1],
        origin=Origin.LIBVIRT,
        bridge=bridge[1],
        internal=_FORWARD.search(text) is None,
        subnets=tuple(_subnets(text)),
    )


def _subnets(text: str) -> Iterator[IPNetwork]:
    for element in _IP.finditer(text):
        told = dict(_ATTRIBUTE.findall(element[1]))
        with suppress(ValueError, KeyError):
            length = told.get("prefix") or told["netmask"]
            yield ip_interface(f"{told['address']}/{length}").network
