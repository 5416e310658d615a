"""Deletes doomed links: by group when every member is ours, one by one when not."""

import logging
from collections.abc import Mapping

from glassbridge.errors import KernelRefused
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_links
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

    def delete(self, doomed: Mapping[Ifname, str]) -> None:
        """Delete these host ends (name to alias); gone already is success.

        A delete by group takes whatever is in the group, so one dump proves first that every
        member is ours: group, name and alias. Raises KernelRefused.
        """
        members = [k for k in read_links(self._links) if k.group == DOOMED_GROUP]
        foreign = [k for k in members if not (k.alias or "").startswith(ALIAS_PREFIX)]
        if foreign:
            _log.warning("foreign links in our group: %s", ", ".join(k.ifname for k in foreign))
            present = {k.ifname: k for k in members}
            requests = [
                delete_link(present[name].ifindex)
                for name, alias in doomed.items()
                if name in present and present[name].alias == alias
            ]
        else:
            requests = [delete_group(DOOMED_GROUP)] if members else []
        for refusal in self._links.send_batch(requests):
            if refusal is not None and refusal.errno != _ENODEV:
                raise KernelRefused("delete doomed links", refusal.errno, refusal.text)
