"""What our source guard knows of each port: the addresses that are its endpoint's own."""

from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.ruleset import Plain, Together
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Place
from glassbridge.model.topology import Link


def port_of(snapshot: Snapshot, sender: Place, link: Link) -> str:
    """The bridge port at the other end of a container's cable; empty where there is none."""
    far = snapshot.far_end(sender.cookie, link)
    namespace = snapshot.namespaces.get(far[0]) if far else None
    port = namespace.stack.link(far[1]) if namespace and far else None
    return port.ifname if port is not None else ""


def own_macs(snapshot: Snapshot, port: str) -> frozenset[str]:
    """The MAC that its endpoint was given."""
    return _own(snapshot, port, "own_mac")


def own_addresses(snapshot: Snapshot, port: str) -> frozenset[str]:
    """The IPv4 addresses that its endpoint was given."""
    return _own(snapshot, port, "own4")


def _own(snapshot: Snapshot, port: str, name: str) -> frozenset[str]:
    home = snapshot.namespaces.get(snapshot.home)
    found = set()
    for table in home.ruleset.tables if home else ():
        if (table.family, table.name) != ("bridge", NFT_TABLE):
            continue
        for value in (v for s in table.sets if s.name == name for v in s.values):
            match value:
                case Together(items=(Plain(at), Plain(own))) if at == port:
                    found.add(own)
                case _:
                    pass
    return frozenset(found)
