"""The settings that decide about packets, as the kernel combines `all` and a link's own."""

from glassbridge.model.topology import Link, Stack
from glassbridge.walk.path.versions import V4, V6

_DEFAULTS = {"forwarding": 0, "rp_filter": 0, "route_localnet": 0, "proxy_arp": 0, "arp_ignore": 0}


def setting(stack: Stack, key: str, default: int = 0) -> int:
    """A number; what was not read has the kernel's default."""
    value = stack.sysctls.get(key, "")
    return int(value) if value.lstrip("-").isdigit() else default


def of_link(stack: Stack, link: Link, name: str, version: int = 4, default: int = 0) -> int:
    """A link's own value."""
    return setting(stack, key_of(link, name, version), default)


def key_of(link: Link, name: str, version: int = 4) -> str:
    """The key under which Stack.sysctls has it: a link's name may hold a dot."""
    return f"net/ipv{version}/conf/{link.ifname}/{name}"


def highest(stack: Stack, link: Link, name: str, version: int = 4) -> int:
    """The larger of `all` and the link's own (IN_DEV_MAXCONF); of switches: either (ORCONF)."""
    return max(
        setting(stack, f"net/ipv{version}/conf/all/{name}"), of_link(stack, link, name, version)
    )


def forwards(stack: Stack, link: Link, version: int) -> bool:
    """Whether what comes in by a link may be routed on.

    IPv4 asks the link, IPv6 the namespace (ip6_forward) or, since Linux 6.17, the link's
    force_forwarding.
    """
    if version == V4:
        everywhere = setting(stack, "net.ipv4.ip_forward")
        return bool(of_link(stack, link, "forwarding", 4, everywhere))
    everywhere = setting(stack, "net.ipv6.conf.all.forwarding")
    return bool(everywhere or of_link(stack, link, "force_forwarding", 6))


def forward_key(stack: Stack, link: Link, version: int) -> str:
    """The switch to turn where `forwards` says no, as sysctl(8) takes it."""
    if version == V6:
        return "net.ipv6.conf.all.forwarding"
    if setting(stack, "net.ipv4.ip_forward"):
        return f"net.ipv4.conf.{link.ifname}.forwarding"
    return "net.ipv4.ip_forward"


def calls_ip_hooks(stack: Stack, bridge: Link, version: int) -> bool:
    """Whether bridged frames pass the hooks of IP: br_netfilter is there, and asked to."""
    key = f"net.bridge.bridge-nf-call-{'iptables' if version == V4 else 'ip6tables'}"
    if key not in stack.sysctls:
        return False  # the module is not loaded: a bridge's own flag does nothing
    own = bridge.bridge
    own_flag = own is not None and (
        own.nf_call_iptables if version == V4 else own.nf_call_ip6tables
    )
    return bool(setting(stack, key)) or own_flag


def has_ipv6(stack: Stack, link: Link) -> bool:
    """IPv6 is not switched off on a link."""
    return not (
        of_link(stack, link, "disable_ipv6", 6) or setting(stack, "net.ipv6.conf.all.disable_ipv6")
    )
