"""Which bridge a network has: a new one, or one that somebody prepared for it."""

import re
from collections.abc import Iterable, Mapping

from glassbridge.errors import Conflict, Hint, Remedy
from glassbridge.kernel.executor import Executor
from glassbridge.model.kernel_names import DEFAULT_NETWORK, bridge_name
from glassbridge.model.network import Ifname, Manager, Network, NetworkId
from glassbridge.model.options import BRIDGE_NAME

_NAMED_BY = (
    (re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}"), "Docker", None),
    (re.compile(r"cni-podman\d+"), "Podman", Manager.CNI),
    (re.compile(r"podman\d+"), "Podman", Manager.NETAVARK),
    (re.compile(r"cni\d+|nerdctl\d+"), "CNI", Manager.CNI),
    (re.compile(r"virbr\d+"), "libvirt", None),
    (re.compile(r"lxcbr\d+"), "LXC", None),
    (re.compile(r"lxdbr\d+"), "LXD", None),
    (re.compile(r"incusbr\d+"), "Incus", None),
)
"""Who makes bridges under such names, and who of those may ask us for one."""


def choose_bridge(
    name: str,
    network_id: NetworkId,
    wish: Ifname | None,
    known: Iterable[Network],
    executor: Executor,
    by: Manager | None = None,
) -> tuple[Ifname, bool]:
    """The bridge of a network that engine `by` asked for, and whether it is adopted.

    A wished bridge that exists is adopted, as Docker does; raises Conflict for somebody else's.
    """
    if wish is not None and name != DEFAULT_NETWORK:
        return wish, adopts(wish, known, executor, by)
    bridge = wish or bridge_name(network_id)
    if is_there(bridge, known, executor):
        raise Conflict(
            f"a link named {bridge} exists already and is not ours",
            hint=f"remove it: ip link delete {bridge}",
        )
    return bridge, False


def adopts(
    bridge: Ifname, others: Iterable[Network], executor: Executor, by: Manager | None
) -> bool:
    """Whether a wished bridge exists already; raises Conflict where its name is somebody else's."""
    _refuse_named(bridge, by)
    return is_there(bridge, others, executor)


def is_there(bridge: Ifname, others: Iterable[Network], executor: Executor) -> bool:
    """Whether a bridge exists; raises Conflict where it is another network's, or no bridge."""
    taken = next((n for n in others if n.bridge == bridge), None)
    if taken is not None:
        raise Conflict(
            f"bridge {bridge} belongs to network {taken.name}", hint=Hint(Remedy.OTHER_BRIDGE)
        )
    if not executor.has_link(bridge):
        return False
    kind = executor.kind_of(bridge)
    if kind != "bridge":
        what = f"a link of kind {kind}" if kind else "a network card"
        raise Conflict(f"{bridge} is {what}, not a bridge", hint=Hint(Remedy.OTHER_BRIDGE))
    return True


def refuse_bridge_of_others(options: Mapping[str, str]) -> None:
    """Raise Conflict for a bridge that is another engine's, under whatever name.

    Who is plugged into a bridge does not tell: its owner may have prepared it with an uplink and
    machines of his own. Reads the engines' files, so not for the writer.
    """
    bridge = options.get(BRIDGE_NAME)
    if not bridge:
        return
    from glassbridge.kernel.container_names import find_containers  # noqa: PLC0415 - rarely needed

    for network in find_containers().networks:
        if network.bridge == bridge:
            raise Conflict(
                f"bridge {bridge} is that of {network.origin}'s network {network.name}",
                hint=Hint(Remedy.OTHER_BRIDGE),
            )


def _refuse_named(bridge: Ifname, by: Manager | None) -> None:
    """Two who manage one bridge give the same addresses to two containers."""
    for pattern, owner, manager in _NAMED_BY:
        if pattern.fullmatch(bridge) and (manager is None or manager is not by):
            raise Conflict(
                f"bridge {bridge} is one that {owner} makes and manages",
                hint=Hint(Remedy.OTHER_BRIDGE),
            )
