"""Names that stand for addresses: in-addr.arpa (RFC 1035 §3.5) and ip6.arpa (RFC 3596 §2.5)."""

from ipaddress import IPv4Address, IPv6Address

_IPV4, _IPV6 = b"\x07in-addr\x04arpa\x00", b"\x03ip6\x04arpa\x00"


def reversed_address(name: bytes) -> IPv4Address | IPv6Address | None:
    """Read the address that a lower-case name stands for; None if for none, or for several."""
    try:
        if name.endswith(_IPV4):
            return _ipv4_of(_labels(name[: -len(_IPV4)]))
        if name.endswith(_IPV6):
            return _ipv6_of(_labels(name[: -len(_IPV6)]))
    except ValueError:
        return None
    return None


def _ipv4_of(labels: list[bytes]) -> IPv4Address:
    if not all(label.isdigit() for label in labels):
        raise ValueError("a label may hold a dot, or a sign")
    return IPv4Address(b".".join(reversed(labels)).decode("ascii"))


def _ipv6_of(labels: list[bytes]) -> IPv6Address:
    if any(len(label) != 1 for label in labels):
        raise ValueError("a label that is no nibble")
    return IPv6Address(bytes.fromhex(b"".join(reversed(labels)).decode("ascii")))


def _labels(data: bytes) -> list[bytes]:
    labels, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        labels.append(data[at + 1 : end])
        at = end
    return labels
