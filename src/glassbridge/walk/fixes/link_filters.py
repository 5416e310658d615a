"""How a program or filter is taken off a link."""

from glassbridge.model.tables import FilterHook
from glassbridge.walk.fixes.mending import Case, Mending


def mend_filter(case: Case) -> Mending:
    """Off, by the tool that puts such a one on; its maker may put it back."""
    hook, _, rest = case.drop.subject.partition(" ")
    kind, _, priority = rest.partition(" ")
    link = case.place.ifname
    if not kind:
        looks = (
            case.at("ip", "-d", "link", "show", "dev", link),
            case.at("tc", "-s", "qdisc", "show", "dev", link),
            case.at("tc", "filter", "show", "dev", link),
        )
        return Mending(note=f"find what stands at {link}: {'; '.join(looks)}")
    words: tuple[str | int, ...]
    if hook == FilterHook.XDP:
        words = ("ip", "link", "set", "dev", link, kind, "off")
    elif kind == "tcx":
        words = ("bpftool", "net", "detach", f"tcx_{hook}", "dev", link)
    elif not int(priority):
        words = ("tc", "qdisc", "del", "dev", link, "root")
    else:
        words = ("tc", "filter", "del", "dev", link, hook, "pref", priority)
    return Mending(
        commands=(case.at(*words),),
        note=f"takes it off {link} for all traffic: what put it there may need it, or put it back",
    )
