"""The text of a container's /etc/hosts and /etc/resolv.conf."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from glassbridge.model.address import IPAddress
from glassbridge.model.container import Container

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


def render_resolv_conf(host: str, nameservers: Sequence[str]) -> str:
    """The host's own text; asked-for nameservers replace its, which on loopback are dropped.

    A loopback nameserver (a stub resolver of the host) is not there in another namespace.
    """
    kept = [line for line in host.splitlines() if not line.startswith(("#", ";")) and line.strip()]
    if nameservers:
        kept = [line for line in kept if line.split()[0] != "nameserver"]
        kept = [f"nameserver {server}" for server in nameservers] + kept
    else:
        kept = [line for line in kept if not _is_loopback(line.split())]
    return "".join(f"{line}\n" for line in kept)


def resolv_conf(
    container: Container, servers: Sequence[IPAddress], read: Callable[[Path], str]
) -> str:
    """What a container asks: servers of ours, which know --dns; else --dns, else the host's."""
    text = read(Path("/etc/resolv.conf"))
    if servers:
        return render_asking(text, servers)
    dns = container.spec.dns
    if container.network_mode == "host" and not dns:
        return text
    rendered = render_resolv_conf(text, dns)
    if "nameserver" not in rendered:  # only a stub resolver: what it asks itself
        rendered = render_resolv_conf(read(_RESOLVED), dns) or rendered
    return rendered


def render_asking(host: str, servers: Sequence[IPAddress]) -> str:
    """The host's own text, with servers that know the container's siblings in place of its.

    A bare name is asked for as it is before the host's search list is tried, as on Docker: else
    `db` would go to others as db.example.com first.
    """
    text = render_resolv_conf(host, [str(server) for server in servers])
    if any(line.split()[0] == "options" and " ndots:" in line for line in text.splitlines()):
        return text
    return f"{text}options ndots:0\n"


def _is_loopback(words: Sequence[str]) -> bool:
    if len(words) < 2 or words[0] != "nameserver":  # noqa: PLR2004 - keyword and value
        return False
    try:
        return ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return True
