"""Deletes doomed links: by group when every member is ours, one by one when not."""

import logging
from collections.abc import Collection

from glassbridge.errors import KernelRefused
from glassbridge.kernel.links import Member
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_group, read_member
from glassbridge.model.kernel_names import ALIAS_PREFIX, DOOMED_GROUP
from glassbridge.model.network import Ifname
from glassbridge.wire.links import delete_group, delete_link

_ENODEV = 19
_log = logging.getLogger(__name__)


class LinkReaper:
    """One netlink socket in the namespace of the calling thread."""

    def __init__(self) -> None:
        self._links = RouteSocket()

    def close(self) -> None:
        """Close the socket."""
        self._links.close()

    def delete(self, doomed: Collection[Ifname]) -> None:
        """Delete the group, in which these host ends are; gone already is success.

        A delete by group takes whatever is in the group, so one dump proves first that every
        member is ours. Raises KernelRefused.
        """
        members = self._doomed_members(doomed)
        foreign = [k for k in members if not _is_ours(k, doomed)]
        if foreign:
            _log.warning("foreign links in our group: %s", ", ".join(k.ifname for k in foreign))
        if foreign or len(doomed) == 1:
            requests = [delete_link(k.ifindex) for k in members if _is_ours(k, doomed)]
        else:
            requests = [delete_group(DOOMED_GROUP)] if members else []
        for refusal in self._links.send_batch(requests):
            if refusal is not None and refusal.errno != _ENODEV:
                raise KernelRefused("delete doomed links", refusal.errno, refusal.text)

    def _doomed_members(self, doomed: Collection[Ifname]) -> tuple[Member, ...]:
        """Who is in the group; of a single link, that one: a dump grows with the host's links."""
        if len(doomed) > 1:
            return read_group(self._links, DOOMED_GROUP)
        return tuple(
            member
            for name in doomed
            if (member := read_member(self._links, name, DOOMED_GROUP)) is not None
        )


def _is_ours(link: Member, doomed: Collection[Ifname]) -> bool:
    """By its alias; one whose attach broke off before the alias was set, by its name."""
    return link.alias.startswith(ALIAS_PREFIX) or link.ifname in doomed
