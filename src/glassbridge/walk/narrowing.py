"""The part of a wiring that has to do with one name: a bridge, a network, a container, a link."""

from msgspec.structs import replace

from glassbridge.model.wiring import Counts, FarEnd, Hanger, Hanging, Wiring, hangings


def narrowed(wiring: Wiring, name: str) -> Wiring:
    """What is called so, with all that hangs on it, and the way down to it.

    Nothing is left where nothing is called so.
    """
    roots = tuple(part for root in wiring.roots if (part := _hanger(root, name)))
    apart = tuple(hanger for hanger in wiring.apart if _is_called(hanger, name))
    every = [link for root in roots for link in hangings(root)]
    far = {link.far.namespace.cookie: link.far.namespace for link in every if link.far}
    hangers = {**far, **{root.cookie: root for root in (*roots, *apart)}}
    return replace(
        wiring,
        roots=roots,
        apart=apart,
        counts=Counts(
            namespaces=len(hangers),
            containers=sum(len(hanger.names) for hanger in hangers.values()),
            bridges=sum(link.kind == "bridge" for link in every),
            cables=sum(link.kind == "veth" and link.far is not None for link in every),
        ),
        unreadable=(),
    )


def names_in(wiring: Wiring) -> list[str]:
    """Everything that `narrowed` takes, each once."""
    found: dict[str, None] = {}
    for root in (*wiring.roots, *wiring.apart):
        found |= dict.fromkeys((root.name, *root.names))
        for link in hangings(root):
            found |= dict.fromkeys((link.ifname, link.network))
            if link.far is not None:
                found |= dict.fromkeys((link.far.namespace.name, *link.far.namespace.names))
    return [name for name in found if name]


def _is_called(hanger: Hanger, name: str) -> bool:
    return name in {hanger.name, *hanger.names}


def _hanger(hanger: Hanger, name: str) -> Hanger | None:
    # a cable that leads back to the host is no part of what is asked about the host
    if _is_called(hanger, name) and (hanger.links or hanger.name != "host"):
        return hanger
    links = tuple(part for link in hanger.links if (part := _hanging(link, name)))
    return replace(hanger, links=links) if links else None


def _hanging(link: Hanging, name: str) -> Hanging | None:
    if name in {link.ifname, link.network}:
        return link
    links = tuple(part for further in link.links if (part := _hanging(further, name)))
    far = _far_end(link.far, name)
    return replace(link, links=links, far=far or link.far) if links or far else None


def _far_end(far: FarEnd | None, name: str) -> FarEnd | None:
    if far is None:
        return None
    namespace = _hanger(far.namespace, name)
    return replace(far, namespace=namespace) if namespace else None
