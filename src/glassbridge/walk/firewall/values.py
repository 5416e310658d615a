"""Whether what a packet shows is among the values that a rule names."""

from typing import assert_never

from glassbridge.model.address import IPAddress
from glassbridge.model.ruleset import AddressRange, Plain, Prefix, Range, Together, Value
from glassbridge.walk.firewall.sight import Lack, Reading, Shown
from glassbridge.walk.firewall.words import number_of

Single = Range | AddressRange | Prefix | Plain

_CHOSEN_PORTS = range(32768, 61000)
"""net.ipv4.ip_local_port_range as the kernel has it: a wider one makes a difference seldom."""


def fits(value: Value, fields: tuple[str, ...], readings: tuple[Reading, ...]) -> bool | None:
    """Whether fields, side by side, show this value; None: what is known of them does not tell."""
    parts = value.items if isinstance(value, Together) else (value,)
    if len(parts) != len(fields):
        return None
    certain = True
    for part, field, reading in zip(parts, fields, readings, strict=True):
        if isinstance(reading, Shown):
            if not covers(part, field, reading):
                return False
        elif reading is Lack.UNKNOWN or (
            reading is Lack.NOT_CHOSEN and _may_be_chosen(part, field)
        ):
            certain = False
        else:
            return False
    return True if certain else None


def _may_be_chosen(part: Single, field: str) -> bool:
    match part:
        case Plain(text):
            port = number_of(field, text)
            return port is None or port in _CHOSEN_PORTS
        case Range(low, high):
            return low < _CHOSEN_PORTS.stop and high >= _CHOSEN_PORTS.start
        case _:
            return True


def covers(value: Single, field: str, shown: Shown) -> bool:
    """Whether a field shows this value."""
    match value:
        case Plain(text):
            return _is_text(text, field, shown)
        case Range(low, high):
            return shown.number is not None and low <= shown.number <= high
        case Prefix(network):
            address = shown.address
            if address is None or address.version != network.version:
                return False
            return address in network
        case AddressRange(low, high):
            return _is_between(low, high, shown.address)
    assert_never(value)


def _is_text(text: str, field: str, shown: Shown) -> bool:
    if text in shown.texts or text == "*":
        return True
    if text.endswith("*"):
        return any(shown_text.startswith(text[:-1]) for shown_text in shown.texts)
    return shown.number is not None and number_of(field, text) == shown.number


def _is_between(low: IPAddress, high: IPAddress, address: IPAddress | None) -> bool:
    if address is None or address.version != low.version:
        return False
    return int(low) <= int(address) <= int(high)
