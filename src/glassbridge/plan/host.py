"""What the host itself needs before its first network, and gets back after its last."""

from collections.abc import Iterable, Mapping

from glassbridge.model.network import Ifname
from glassbridge.plan.operations import Operation, SetSysctl

IP_FORWARD = "net.ipv4.ip_forward"
IP6_FORWARD = "net.ipv6.conf.all.forwarding"


def forwarding_keys(family: int, links: Iterable[Ifname]) -> tuple[str, ...]:
    """Every key that switching a family's forwarding on rewrites behind our back.

    IPv4: also accept_redirects of all (net/ipv4/devinet.c, inet_forward_change); IPv6: forwarding
    of every link (net/ipv6/addrconf.c, addrconf_fixup_forwarding).
    """
    if family == 4:  # noqa: PLR2004 - the IP version
        base: tuple[str, ...] = (
            IP_FORWARD,
            "net.ipv4.conf.all.accept_redirects",
            "net.ipv4.conf.default.forwarding",
        )
    else:
        base = (IP6_FORWARD, "net.ipv6.conf.default.forwarding")
    version = f"ipv{family}"
    return (*base, *(link_key(version, link, "forwarding") for link in links))


def link_key(version: str, link: str, key: str) -> str:
    """The sysctl of one link; a dot in its name is written as sysctl(8) has it."""
    return f"net.{version}.conf.{link.replace('.', '/')}.{key}"


def plan_forwarding(
    family: int, current: Mapping[str, str], ra_uplinks: Iterable[Ifname]
) -> tuple[Operation, ...]:
    """Switch forwarding on if it is off; an uplink that lives on router advertisements keeps them.

    With forwarding on, accept_ra=1 means "no": the uplink would lose its default route
    (Documentation/networking/ip-sysctl.rst, accept_ra).
    """
    switch = IP_FORWARD if family == 4 else IP6_FORWARD  # noqa: PLR2004 - the IP version
    if current.get(switch, "1") != "0":
        return ()
    keep: list[Operation] = []
    if family == 6:  # noqa: PLR2004 - the IP version
        for link in ra_uplinks:
            key = link_key("ipv6", link, "accept_ra")
            if current.get(key) == "1":
                keep.append(SetSysctl(key, "2", "1"))
    return (*keep, SetSysctl(switch, "1", "0"))


def plan_restore(
    recorded: Mapping[str, str], current: Mapping[str, str], *, leave_forwarding: bool
) -> tuple[Operation, ...]:
    """Give recorded values back one by one: the switches first, for they rewrite the others."""
    switches = [k for k in (IP_FORWARD, IP6_FORWARD) if k in recorded]
    rest = [k for k in recorded if k not in switches]
    if leave_forwarding:
        return ()
    operations: list[Operation] = [
        SetSysctl(k, recorded[k], current[k])
        for k in switches
        if k in current and current[k] != recorded[k]
    ]
    # what a switch rewrote is not in `current` any more: write every recorded key that exists
    operations += [SetSysctl(k, recorded[k], current[k]) for k in rest if k in current]
    return tuple(operations)
