"""Addresses: the types of the field, MAC addresses, and both in JSON."""

from abc import ABC
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import TYPE_CHECKING, Any, NewType, TypeVar

import msgspec

if TYPE_CHECKING:
    IPAddress = IPv4Address | IPv6Address
    IPNetwork = IPv4Network | IPv6Network
    IPInterface = IPv4Interface | IPv6Interface
else:
    # msgspec refuses a union of two types that it does not know; one abstract class it takes,
    # and checks what the decode hook returns by isinstance.
    class IPAddress(ABC):  # noqa: B024 - a name for two types, nothing to implement
        """An address of either family."""

    class IPNetwork(ABC):  # noqa: B024 - likewise
        """A prefix of either family."""

    class IPInterface(ABC):  # noqa: B024 - likewise
        """An address with its prefix, of either family."""

    IPAddress.register(IPv4Address)
    IPAddress.register(IPv6Address)
    IPNetwork.register(IPv4Network)
    IPNetwork.register(IPv6Network)
    # not IPv4Interface as an IPAddress, although it inherits from IPv4Address
    IPInterface.register(IPv4Interface)
    IPInterface.register(IPv6Interface)

Mac = NewType("Mac", str)
"""Six octets as lower-case hex with colons."""

_PARSERS: dict[Any, Any] = {
    IPv4Address: IPv4Address,
    IPv6Address: IPv6Address,
    IPv4Network: IPv4Network,
    IPv6Network: IPv6Network,
    IPv4Interface: IPv4Interface,
    IPv6Interface: IPv6Interface,
    IPAddress: ip_address,
    IPNetwork: ip_network,
    IPInterface: ip_interface,
}

T = TypeVar("T")


def _encode_hook(value: object) -> str:
    if type(value) in _PARSERS:
        return str(value)
    raise NotImplementedError(f"no JSON form for {type(value).__name__}")


def _decode_hook(expected: Any, value: object) -> Any:  # noqa: ANN401 - msgspec's own signature
    return _PARSERS[expected](value)


_encoder = msgspec.json.Encoder(enc_hook=_encode_hook)


def to_json(value: object) -> bytes:
    """Encode a model value, addresses as text."""
    return _encoder.encode(value)


def from_json(body: bytes | str, expected: type[T]) -> T:
    """Decode a model value; raises msgspec.ValidationError or DecodeError with the path inside."""
    return msgspec.json.decode(body, type=expected, dec_hook=_decode_hook)


def to_builtins(value: object) -> Any:  # noqa: ANN401 - plain JSON values are dynamic by nature
    """Turn a model value into dicts, lists and text."""
    return msgspec.to_builtins(value, enc_hook=_encode_hook)


def mac_of(address: IPv4Address) -> Mac:
    """02:42 + IPv4: a reused address keeps its MAC, so no neighbour entry goes stale."""
    return format_mac(b"\x02\x42" + address.packed)


def mac_without_ipv4(network: str, endpoint: str) -> Mac:
    """0a:42 + a hash of network and endpoint; the caller checks for a collision."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, and only who attaches needs it

    digest = hashlib.blake2s(f"{network}/{endpoint}".encode(), digest_size=4).digest()
    return format_mac(b"\x0a\x42" + digest)


def format_mac(octets: bytes) -> Mac:
    """Six octets to text."""
    return Mac(octets.hex(":"))


def mac_octets(mac: Mac) -> bytes:
    """Text to six octets."""
    return bytes.fromhex(mac.replace(":", ""))
