"""Figures as a person says them."""

_SECOND_STEPS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_BYTE_STEPS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def duration(seconds: float) -> str:
    """The largest unit that fits: 12 s, 3 min, 5 h, 2 d."""
    whole = max(0, int(seconds))
    size, unit = next((s for s in _SECOND_STEPS if whole >= s[0]), (1, "s"))
    return f"{whole // size} {unit}"


def elapsed(microseconds: float) -> str:
    """What passed while one packet travelled: 81 us, 12.3 ms, 3.1 s."""
    if abs(microseconds) < 10_000:  # noqa: PLR2004 - four digits are still read at a glance
        return f"{microseconds:.0f} us"
    if abs(microseconds) < 1_000_000:  # noqa: PLR2004 - a second
        return f"{microseconds / 1000:.1f} ms"
    seconds = microseconds / 1_000_000
    return f"{seconds:.1f} s" if abs(seconds) < 100 else f"{seconds:.0f} s"  # noqa: PLR2004 - same


def size(octets: int) -> str:
    """Bytes in powers of ten, as ifconfig says them: 18.9 kB, 8.1 MB."""
    for step, unit in _BYTE_STEPS:
        if octets >= step:
            return f"{octets / step:.1f} {unit}"
    return f"{octets} B"


def counted(number: int, what: str) -> str:
    """`1 port`, `2 ports`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
