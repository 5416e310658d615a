"""The rules of a namespace as values; our own tables are taken as they were rendered."""

from collections.abc import Sequence

from glassbridge.model.ruleset import Ruleset
from glassbridge.model.views import NetworkView, SandboxView


class HostFirewall:
    """Lists rules; knows what our daemon has put into its own tables."""

    def __init__(self, known: Sequence[SandboxView], networks: Sequence[NetworkView]) -> None:
        self._known, self._networks = known, networks

    def read(self, fd: int, *, is_home: bool) -> Ruleset:
        """The rules of an open namespace."""
        try:
            from glassbridge.kernel.listed_rules import (  # type: ignore[import-untyped]  # noqa: PLC0415 - comes later
                read_ruleset,
            )
        except ImportError:
            return Ruleset()
        listed: Ruleset = read_ruleset(fd, None)
        return listed
