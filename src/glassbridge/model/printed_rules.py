"""Firewall rules as text, for a person to read."""

from msgspec import Struct


class PrintedRules(Struct, frozen=True, kw_only=True):
    """What one tool lists; iptables-nft's rules stand in nft's list."""

    tool: str
    lines: tuple[str, ...]
    complaint: str = ""
    """Why it could not be listed."""
