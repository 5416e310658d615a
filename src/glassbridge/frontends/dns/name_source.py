"""What the name server needs of the engine."""

from typing import Protocol

from glassbridge.dns.zone import NetworkNames


class NameSource(Protocol):
    """All names, as the last commit left them; both may be asked in any thread, and never wait."""

    @property
    def version(self) -> int:
        """Another number after every change; read with every question."""

    def networks(self) -> tuple[NetworkNames, ...]:
        """Networks that are asked for names.

        What did not change since the last call, networks and members alike, is to be the same
        object as then: only what is new is indexed anew.
        """
