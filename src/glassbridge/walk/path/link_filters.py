"""Programs and filters at a link, beside netfilter: they are seen, and not evaluated.

Sources: sch_handle_ingress and sch_handle_egress in net/core/dev.c, tcf_mirred_to_dev in
net/sched/act_mirred.c, ifb_ri_tasklet in drivers/net/ifb.c.
"""

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet
from glassbridge.model.step_details import FilterMet
from glassbridge.model.tables import FilterHook, LinkFilter
from glassbridge.model.topology import Link
from glassbridge.model.walk import Action, Drop, Fact
from glassbridge.walk.path.traveller import Ground, Traveller

_EVERY_PROTOCOL = 0x0003
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}

_AT = {
    "ingress": (FilterHook.XDP, FilterHook.INGRESS),
    "egress": (FilterHook.EGRESS,),
}


def pass_filters(ground: Ground, traveller: Traveller, hook: str, link: Link) -> Traveller:
    """One step for each that may take the packet away: what comes after it is not certain."""
    filters = [f for f in ground.stack(traveller.cookie).filters if f.ifindex == link.ifindex]
    for at in _AT[hook]:
        for found in (f for f in filters if f.hook is at and _is_asked(f, traveller.packet)):
            traveller = _meet(ground, traveller, link, found)
            if traveller.has_ended:
                return traveller
    return traveller


def _is_asked(found: LinkFilter, packet: Packet) -> bool:
    return found.protocol in {0, _EVERY_PROTOCOL, _ETHERTYPES[packet.version]}


def _meet(ground: Ground, traveller: Traveller, link: Link, found: LinkFilter) -> Traveller:
    into = ground.stack(traveller.cookie).link(found.into) if found.into is not None else None
    place = ground.place(traveller.cookie, link)
    drop: Drop | None = None
    # an ifb that leads into an ifb is not followed: they may lead into each other
    if into is not None and into.kind == "ifb" and link.kind != "ifb":
        if into.is_up and into.has_carrier:
            return _shaped(ground, traveller, into, found)
        drop = _into_the_dark(ground, traveller, link, into) if found.takes_all else None
    what = words(found, into)
    met = FilterMet(hook=found.hook, what=what, kind=found.kind, priority=found.priority)
    unknown = f"{what} on {link.ifname} of {place.name} may drop or redirect it; {_LIMIT}"
    return traveller.then(
        place,
        met,
        action=Action.UNKNOWN,
        assumptions=() if drop is not None else (unknown,),
        drop=drop,
    )


def _shaped(ground: Ground, traveller: Traveller, into: Link, found: LinkFilter) -> Traveller:
    """What is put into an ifb comes back to where it was taken, past the filters."""
    what = f"shaped: waits its turn in {into.ifname}, and comes back"
    met = FilterMet(hook=found.hook, what=what, kind=found.kind, comes_back=True)
    told = traveller.then(ground.place(traveller.cookie, into), met)
    return pass_filters(ground, told, "egress", into)


_LIMIT = "glassbridge does not evaluate programs"


def words(found: LinkFilter, into: Link | None = None) -> str:
    """`an XDP program (id 17, name x)`, `a tc filter (u32, pref 10) at ingress`."""
    program = f"id {found.program}" if found.program else ""
    name = f"name {found.name}" if found.name else ""
    told = ", ".join(filter(None, (program, name)))
    if found.hook is FilterHook.XDP:
        return f"an XDP program ({told})" if told else "an XDP program"
    if found.kind == "tcx":
        return f"a tc program ({told}) at {found.hook}"
    if not found.priority:
        return f"the queueing discipline {found.kind}"
    told = ", ".join(filter(None, (found.kind, f"pref {found.priority}", program, name)))
    leads = f", which leads into {into.ifname}," if into is not None else ""
    return f"a tc filter ({told}) at {found.hook}{leads}"


def _into_the_dark(ground: Ground, traveller: Traveller, link: Link, into: Link) -> Drop:
    name = ground.snapshot.call(traveller.cookie)
    says = "no carrier" if into.is_up else "down"
    return Drop(
        cause=Cause.LINK_DOWN,
        sentence=f"what passes {link.ifname} of {name} is led through {into.ifname}, which is down",
        evidence=(
            Fact(what=f"tc filter of {link.ifname}", says=f"redirects all into {into.ifname}"),
            Fact(what=f"link {into.ifname}", says=says),
        ),
        place=ground.place(traveller.cookie, into),
        subject=into.ifname,
    )
