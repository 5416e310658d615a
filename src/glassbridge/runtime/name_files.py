"""The text of a container's /etc/hosts and /etc/resolv.conf."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.container import Container
from glassbridge.model.container_flags import NO_SEARCH

_RESOLVED = Path("/run/systemd/resolve/resolv.conf")
_LOCAL_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def render_hosts(names: Mapping[str, Sequence[str]], host: str = "") -> str:
    """Docker's local lines, or the host's own text, then one line per address."""
    lines = (f"{address}\t{' '.join(of)}\n" for address, of in names.items())
    return (host or _LOCAL_HOSTS) + "".join(lines)


class Wishes(Struct, frozen=True):
    """What a container's resolv.conf is to say otherwise than the host's; empty: as the host."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def render_resolv_conf(host: str, wishes: Wishes, *, is_on_host: bool = False) -> str:
    """The host's own text, with what was wished in place of its lines of that kind.

    A loopback nameserver (a stub resolver of the host) is not there in another namespace.
    """
    lines = [line for line in host.splitlines() if line.strip() and line[0] not in "#;"]
    if wishes.servers:
        servers = [f"nameserver {server}" for server in wishes.servers]
        lines = servers + _without(lines, "nameserver")
    elif not is_on_host:
        lines = [line for line in lines if not _is_loopback(line.split())]
    if wishes.search:
        lines = _without(lines, "search", "domain")
        if wishes.search != (NO_SEARCH,):
            lines.append(f"search {' '.join(wishes.search)}")
    if wishes.options:
        lines = [*_without(lines, "options"), f"options {' '.join(wishes.options)}"]
    return "".join(f"{line}\n" for line in lines)


def resolv_conf(
    container: Container, servers: Sequence[IPAddress], read: Callable[[Path], str]
) -> str:
    """What a container asks: servers of ours, which know --dns; else --dns, else the host's."""
    spec, text = container.spec, read(Path("/etc/resolv.conf"))
    if servers:
        ours = tuple(str(server) for server in servers)
        return render_asking(text, Wishes(ours, spec.dns_search, spec.dns_options))
    wishes = Wishes(spec.dns, spec.dns_search, spec.dns_options)
    is_on_host = container.network_mode == "host"
    if is_on_host and wishes == Wishes():
        return text
    rendered = render_resolv_conf(text, wishes, is_on_host=is_on_host)
    if "nameserver" not in rendered:  # only a stub resolver: what it asks itself
        rendered = render_resolv_conf(read(_RESOLVED), wishes) or rendered
    return rendered


def render_asking(host: str, wishes: Wishes) -> str:
    """The same, of servers that know the container's siblings.

    A bare name is asked for as it is before the search list is tried, as on Docker: else `db`
    would go to others as db.example.com first.
    """
    text = render_resolv_conf(host, wishes)
    if any(line.split()[0] == "options" and " ndots:" in line for line in text.splitlines()):
        return text
    return f"{text}options ndots:0\n"


def _without(lines: Iterable[str], *keywords: str) -> list[str]:
    return [line for line in lines if line.split()[0] not in keywords]


def _is_loopback(words: Sequence[str]) -> bool:
    if len(words) < 2 or words[0] != "nameserver":  # noqa: PLR2004 - keyword and value
        return False
    try:
        return ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return True
