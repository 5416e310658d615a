"""Ways to break a network that works, each with the cause that a trace must name.

The network is that of prediction_stage: a and b on br0, c on br1, d behind the host's uplink, and
all reach each other before anything is broken.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.netns.cables import await_cables
from tests.netns.walk.prediction_stage import B6, C6, HOST, PORT, A, B, C, D, Stage

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Transport

NOBODY = "10.77.0.99"


@dataclass(frozen=True)
class Breakage:
    """One of them: what to do, what to ask, and what is then wrong."""

    cause: Cause
    breaks: str
    """Lines of `where: command`."""
    to: str = B
    source: str = "a"
    transport: Transport = Transport.ICMP
    port: int = 0
    size: int = 0
    ttl: int = 64
    talked: bool = False
    """Both had talked before: neighbours and switches know them."""
    is_mended: bool = True
    """Commands put it right; else a note says what to decide."""

    def break_it(self, stage: Stage) -> None:
        """Do the damage."""
        for line in self.breaks.splitlines():
            where, separator, command = line.partition(": ")
            assert separator, line
            stage.run(command + "\n", where)
        await_cables()

    def works(self, stage: Stage) -> bool:
        """Whether a plain ping or connection gets there and back."""
        if self.transport is Transport.TCP:
            return stage.connects(self.source, self.to, self.port)
        head = 48 if ":" in self.to else 28
        size = ("-M", "do", "-s", str(self.size - head)) if self.size else ()
        return stage.pings(self.source, self.to, "-t", str(self.ttl), *size)


def tcp(cause: Cause, breaks: str, to: str = B, source: str = "a") -> Breakage:
    """The same for a connection to PORT, on which b, c and d listen."""
    return Breakage(cause, breaks, to, source, Transport.TCP, PORT)


def chain(hook: str, rules: str = "", *, policy: str = "accept", family: str = "inet") -> str:
    """A command that makes one chain of nft."""
    body = f"type filter hook {hook} priority 0; policy {policy}; {rules}".rstrip("; ")
    return f"nft 'table {family} fw {{ chain {hook} {{ {body}; }}; }}'"


def note(breakage: Breakage) -> Breakage:
    """One that no command can put right."""
    return Breakage(**{**_fields(breakage), "is_mended": False})  # type: ignore[arg-type] # its own


def talked(breakage: Breakage) -> Breakage:
    """One that shows only where both had talked before."""
    return Breakage(**{**_fields(breakage), "talked": True})  # type: ignore[arg-type] # its own


def sized(breakage: Breakage, size: int) -> Breakage:
    """One that shows only with a large packet."""
    return Breakage(**{**_fields(breakage), "size": size})  # type: ignore[arg-type] # its own


def _fields(breakage: Breakage) -> dict[str, object]:
    return {name: getattr(breakage, name) for name in Breakage.__dataclass_fields__}


_OTHER_MAC = "02:00:00:00:00:99"
_PORT_DROP = f"tcp dport {PORT} drop"
_ISOLATED = "host: bridge link set dev to-a isolated on\nhost: bridge link set dev to-b isolated on"

SOCKETS = {
    "nobody listens": note(Breakage(Cause.NO_LISTENER, "", transport=Transport.TCP, port=PORT + 1)),
    "listens on loopback": note(
        Breakage(Cause.LOOPBACK_LISTENER, "", transport=Transport.TCP, port=PORT + 2)
    ),
    "listens on another address": note(
        Breakage(
            Cause.OTHER_ADDRESS_LISTENER, "", transport=Transport.TCP, port=PORT + 3, source="host"
        )
    ),
    "told not to answer ping": Breakage(
        Cause.NO_ANSWER, "b: sysctl -qw net.ipv4.icmp_echo_ignore_all=1"
    ),
}

FIREWALLS = {
    "nft rule in the target": tcp(
        Cause.FIREWALL_DROP, f"b: {chain('input', f'ct state established accept; {_PORT_DROP};')}"
    ),
    "nft rule": tcp(Cause.FIREWALL_DROP, f"host: {chain('forward', _PORT_DROP)}", C),
    "nft policy": tcp(Cause.FIREWALL_POLICY, f"host: {chain('forward', policy='drop')}", C),
    "nft policy, IPv6": tcp(Cause.FIREWALL_POLICY, f"host: {chain('forward', policy='drop')}", C6),
    "nft policy in the target": tcp(
        Cause.FIREWALL_POLICY, f"b: {chain('input', 'ct state established accept;', policy='drop')}"
    ),
    "nft rule that drops everything": tcp(
        Cause.FIREWALL_DROP, f"host: {chain('forward', 'iif lo accept; drop;')}", C
    ),
    "nft reject": tcp(
        Cause.FIREWALL_REJECT, f"host: {chain('forward', f'tcp dport {PORT} reject;')}", C
    ),
    "nft rule in the sender": tcp(Cause.SENDER_FIREWALL, f"a: {chain('output', _PORT_DROP)}"),
    "nft policy for ping": Breakage(
        Cause.FIREWALL_POLICY, f"host: {chain('forward', policy='drop')}", C
    ),
    "a chain of its own": tcp(
        Cause.FIREWALL_DROP,
        "host: nft 'table ip fw { chain deep { drop; }; "
        "chain mid { ip daddr 10.78.0.0/24 jump deep; }; "
        "chain top { type filter hook forward priority 5; jump mid; }; }'",
        C,
    ),
    "bridge table": tcp(
        Cause.FIREWALL_DROP, f"host: {chain('forward', f'tcp dport {PORT} drop;', family='bridge')}"
    ),
    "iptables-nft rule": tcp(
        Cause.FIREWALL_DROP, f"host: iptables-nft -A FORWARD -p tcp --dport {PORT} -j DROP", C
    ),
    "iptables-nft policy": tcp(Cause.FIREWALL_POLICY, "host: iptables-nft -P FORWARD DROP", C),
    "iptables-legacy rule": tcp(
        Cause.FIREWALL_DROP, f"host: iptables-legacy -A FORWARD -p tcp --dport {PORT} -j DROP", C
    ),
    "iptables-legacy policy": tcp(
        Cause.FIREWALL_POLICY, "host: iptables-legacy -P FORWARD DROP", C
    ),
    "iptables-legacy policy, IPv6": tcp(
        Cause.FIREWALL_POLICY, "host: ip6tables-legacy -P FORWARD DROP", C6
    ),
    "br_netfilter and a policy": tcp(
        Cause.BRIDGE_NETFILTER,
        "host: sysctl -qw net.bridge.bridge-nf-call-iptables=1\nhost: iptables-nft -P FORWARD DROP",
    ),
    "br_netfilter and an nft policy": Breakage(
        Cause.BRIDGE_NETFILTER,
        "host: sysctl -qw net.bridge.bridge-nf-call-iptables=1\n"
        f"host: {chain('forward', policy='drop', family='ip')}",
    ),
    "br_netfilter and legacy iptables": tcp(
        Cause.BRIDGE_NETFILTER,
        "host: sysctl -qw net.bridge.bridge-nf-call-iptables=1\n"
        "host: iptables-legacy -A FORWARD -i br0 -j DROP",
    ),
    "no neighbour discovery": Breakage(
        Cause.FIREWALL_DROP, f"b: {chain('input', 'icmpv6 type nd-neighbor-solicit drop')}", B6
    ),
    "no answer of neighbour discovery": Breakage(
        Cause.FIREWALL_DROP, f"b: {chain('output', 'icmpv6 type nd-neighbor-advert drop')}", B6
    ),
    "a policy that forgets neighbour discovery": Breakage(
        Cause.FIREWALL_POLICY,
        f"b: {chain('input', 'icmpv6 type { echo-request, echo-reply } accept', policy='drop')}",
        B6,
    ),
    "the same by ip6tables": Breakage(
        Cause.FIREWALL_POLICY,
        "b: ip6tables-nft -A INPUT -p ipv6-icmp --icmpv6-type echo-request -j ACCEPT\n"
        "b: ip6tables-nft -P INPUT DROP",
        B6,
    ),
    "ARP at a bridge": Breakage(
        Cause.FIREWALL_POLICY,
        f"host: {chain('forward', 'ip protocol icmp accept', policy='drop', family='bridge')}",
    ),
    "ARP of a container": Breakage(
        Cause.FIREWALL_DROP,
        f"b: {chain('output', f'arp saddr ip {B} drop', family='arp')}",
    ),
    "ARP of the sender": Breakage(
        Cause.SENDER_FIREWALL, f"a: {chain('output', 'arp operation request drop', family='arp')}"
    ),
    "answers are dropped": tcp(
        Cause.FIREWALL_DROP, f"host: {chain('forward', f'tcp sport {PORT} drop')}", C
    ),
}

ROUTES = {
    "no route": Breakage(Cause.NO_ROUTE, "a: ip route del default", C),
    "no route, IPv6": Breakage(Cause.NO_ROUTE, "a: ip -6 route del default", C6),
    "no route at the router": Breakage(
        Cause.NO_ROUTE, "host: ip route del 10.78.0.0/24\nhost: ip route del default", C
    ),
    "blackhole": Breakage(Cause.ROUTE_BLACKHOLE, "a: ip route add blackhole 10.78.0.0/24", C),
    "blackhole, IPv6": Breakage(
        Cause.ROUTE_BLACKHOLE, "host: ip -6 route add blackhole fd78::2/128", C6
    ),
    "unreachable": Breakage(Cause.ROUTE_UNREACHABLE, "host: ip route add unreachable 10.78.0.2", C),
    "prohibit by a rule": Breakage(
        Cause.ROUTE_PROHIBIT, "host: ip rule add prio 10 to 10.78.0.0/24 prohibit", C
    ),
    "unreachable in another table": Breakage(
        Cause.ROUTE_UNREACHABLE,
        "host: ip rule add prio 10 iif br0 table 7\nhost: ip route add unreachable default table 7",
        C,
    ),
    "forwarding off": Breakage(Cause.IP_FORWARD_OFF, "host: sysctl -qw net.ipv4.ip_forward=0", C),
    "forwarding off on one link": Breakage(
        Cause.IP_FORWARD_OFF, "host: sysctl -qw net.ipv4.conf.br0.forwarding=0", C
    ),
    "forwarding off, IPv6": Breakage(
        Cause.IP6_FORWARD_OFF, "host: sysctl -qw net.ipv6.conf.all.forwarding=0", C6
    ),
    "rp_filter": Breakage(
        Cause.RP_FILTER,
        f"host: sysctl -qw net.ipv4.conf.all.rp_filter=1\nhost: ip route add {A}/32 dev br1",
        C,
    ),
    "rp_filter, and both had talked": talked(
        Breakage(
            Cause.RP_FILTER,
            f"host: sysctl -qw net.ipv4.conf.all.rp_filter=1\nhost: ip route add {A}/32 dev br1",
            C,
        )
    ),
    "ttl": note(Breakage(Cause.TTL_EXCEEDED, "", C, ttl=1)),
    "circle": Breakage(
        Cause.ROUTING_LOOP,
        f"host: ip route add {C}/32 via {D}\nd: ip route add {C}/32 via 192.0.2.1\n"
        "d: sysctl -qw net.ipv4.ip_forward=1",
        C,
    ),
    "no masquerade": Breakage(Cause.NO_MASQUERADE, "d: ip route del default", D),
    "nobody is the gateway": Breakage(
        Cause.WRONG_GATEWAY, f"a: ip route replace default via {NOBODY}", C
    ),
    "a gateway that does not route": Breakage(
        Cause.WRONG_GATEWAY, f"a: ip route replace default via {B}", C
    ),
    "a mask that leaves the sender out": Breakage(
        Cause.NO_ROUTE, f"b: ip -4 addr flush dev eth0\nb: ip addr add {B}/32 dev eth0"
    ),
    "a bridge without its address": Breakage(
        Cause.NO_ROUTE, "host: ip -4 addr flush dev br0", A, HOST
    ),
    "nobody has the address": note(Breakage(Cause.NEIGHBOUR_UNANSWERED, "", NOBODY)),
    "silent owner": Breakage(
        Cause.NEIGHBOUR_UNANSWERED, "b: sysctl -qw net.ipv4.conf.all.arp_ignore=8"
    ),
    "no IPv6": note(
        Breakage(Cause.IPV6_ABSENT, "a: sysctl -qw net.ipv6.conf.all.disable_ipv6=1", C6)
    ),
}

SWITCHES = {
    "wrong neighbour": Breakage(
        Cause.WRONG_NEIGHBOUR,
        f"a: ip neigh replace {B} lladdr {_OTHER_MAC} dev eth0 nud permanent",
    ),
    "wrong neighbour at the router": Breakage(
        Cause.WRONG_NEIGHBOUR,
        f"host: ip neigh replace {C} lladdr {_OTHER_MAC} dev br1 nud permanent",
        C,
    ),
    "neighbour with the router's MAC": Breakage(
        Cause.WRONG_NEIGHBOUR,
        f"b: ip link set eth0 address {_OTHER_MAC}\n"
        f"a: ip neigh replace {B} lladdr 02:00:00:00:00:01 dev eth0 nud permanent",
    ),
    "address in two places": Breakage(
        Cause.DUPLICATE_ADDRESS,
        f"host: ip link set to-c master br0\nc: ip addr add {B}/24 dev eth0\n"
        f"a: sh -c 'ip neigh replace {B} lladdr $(ip netns exec c cat /sys/class/net/eth0/address)"
        " dev eth0 nud permanent'",
        transport=Transport.TCP,
        port=PORT + 4,
    ),
    "wrong FDB entry": talked(
        Breakage(
            Cause.WRONG_FDB,
            "host: ip link set to-c master br0\n"
            "host: sh -c 'bridge fdb replace $(ip netns exec b cat /sys/class/net/eth0/address)"
            " dev to-c master sticky static'",
        )
    ),
    "a cable in no bridge": Breakage(Cause.NEIGHBOUR_UNANSWERED, "host: ip link set to-b nomaster"),
    "isolated ports": Breakage(
        Cause.PORT_ISOLATED,
        _ISOLATED,
    ),
    "isolated ports that had talked": talked(
        Breakage(
            Cause.PORT_ISOLATED,
            _ISOLATED,
        )
    ),
    "locked port": Breakage(
        Cause.PORT_LOCKED,
        "host: bridge link set dev to-a locked on learning off\n"
        "host: ip link set br0 type bridge fdb_flush",
    ),
    "ARP off at the sender": Breakage(Cause.WRONG_NEIGHBOUR, "a: ip link set eth0 arp off"),
    "ARP off at the router": Breakage(Cause.WRONG_NEIGHBOUR, "host: ip link set br1 arp off", C),
    "a port's own MAC": Breakage(
        Cause.WRONG_NEIGHBOUR,
        "host: ip link set br0 address 02:00:00:00:00:70\n"
        "host: ip link set to-b address 02:00:00:00:00:77\n"
        "a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:77 dev eth0 nud permanent",
    ),
    "proxy_arp at a port": Breakage(
        Cause.FLOOD_OFF, "host: ip link set dev to-b type bridge_slave proxy_arp on"
    ),
    "broadcast flooding off": Breakage(
        Cause.FLOOD_OFF, "host: bridge link set dev to-b bcast_flood off"
    ),
    "port down": Breakage(Cause.LINK_DOWN, "host: ip link set to-b down"),
    "port down that had talked": talked(Breakage(Cause.LINK_DOWN, "host: ip link set to-b down")),
    "target's link down": Breakage(Cause.LINK_DOWN, "b: ip link set eth0 down"),
    "routed target's link down": Breakage(Cause.LINK_DOWN, "c: ip link set eth0 down", C),
    "own link down": Breakage(Cause.LINK_DOWN, "a: ip link set eth0 down"),
    "own link down, routed": Breakage(Cause.LINK_DOWN, "a: ip link set eth0 down", C),
    "own port down": Breakage(Cause.LINK_DOWN, "host: ip link set to-a down"),
    "bridge down": Breakage(Cause.LINK_DOWN, "host: ip link set br0 down"),
    "port blocked by STP": Breakage(
        Cause.PORT_BLOCKING,
        "host: ip link set br0 type bridge stp_state 1 forward_delay 3000\n"
        "host: ip link set to-b down\nhost: ip link set to-b up",
    ),
    "hairpin": Breakage(
        Cause.HAIRPIN_OFF,
        "host: sysctl -qw net.bridge.bridge-nf-call-iptables=1\n"
        "host: nft 'table ip dn { chain pre { type nat hook prerouting priority -100; "
        f"ip daddr 10.77.0.1 tcp dport 9090 dnat to {A}:{PORT}; }}"
        "; chain post { type nat hook postrouting priority 100; ct status dnat masquerade; }; }'",
        "10.77.0.1",
        transport=Transport.TCP,
        port=9090,
    ),
}

SIZES = {
    "routed": sized(Breakage(Cause.MTU_ROUTED, "host: ip link set br1 mtu 1400", C), 1450),
    "routed, IPv6": sized(Breakage(Cause.MTU_ROUTED, "host: ip link set br1 mtu 1400", C6), 1450),
    "bridge port": sized(Breakage(Cause.MTU_BRIDGE_PORT, "host: ip link set to-b mtu 1400"), 1450),
    "other end of a cable": sized(Breakage(Cause.MTU_VETH, "b: ip link set eth0 mtu 1400"), 1450),
    "sender": sized(Breakage(Cause.MTU_SENDER, "a: ip link set eth0 mtu 1400"), 1450),
    "black hole": sized(
        Breakage(
            Cause.MTU_BLACK_HOLE,
            "host: ip link set br1 mtu 1400\n"
            f"host: {chain('output', 'icmp type destination-unreachable drop')}",
            C,
        ),
        1450,
    ),
}

ALL = {
    f"{area}: {name}": breakage
    for area, breakages in (
        ("sockets", SOCKETS),
        ("firewalls", FIREWALLS),
        ("routes", ROUTES),
        ("switches", SWITCHES),
        ("sizes", SIZES),
    )
    for name, breakage in breakages.items()
}

WITNESSED = {
    "sockets: nobody listens": ("b eth0", "NO_SOCKET in tcp_v4_rcv"),
    "sockets: listens on loopback": ("b eth0", "NO_SOCKET in tcp_v4_rcv"),
    "sockets: listens on another address": ("b eth0", "NO_SOCKET in tcp_v4_rcv"),
    "sockets: told not to answer ping": ("b eth0", ""),
    "firewalls: nft rule in the target": ("b eth0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft rule": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft policy": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft policy, IPv6": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft policy in the target": ("b eth0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft rule that drops everything": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft reject": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft rule in the sender": ("a eth0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: nft policy for ping": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: a chain of its own": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: bridge table": ("host to-a", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: iptables-nft rule": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: iptables-nft policy": ("host br0", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: iptables-legacy rule": ("host br0", "NETFILTER_DROP in nf_hook_slow"),
    "firewalls: iptables-legacy policy": ("host br0", "NETFILTER_DROP in nf_hook_slow"),
    "firewalls: iptables-legacy policy, IPv6": ("host br0", "NETFILTER_DROP in nf_hook_slow"),
    "firewalls: br_netfilter and a policy": ("host to-a", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: br_netfilter and an nft policy": ("host to-a", "NETFILTER_DROP in nft_do_chain"),
    "firewalls: br_netfilter and legacy iptables": ("host to-a", "NETFILTER_DROP in nf_hook_slow"),
    "firewalls: no neighbour discovery": ("a eth0", "NOT_SPECIFIED in neigh_invalidate"),
    "firewalls: no answer of neighbour discovery": ("a eth0", "NOT_SPECIFIED in neigh_invalidate"),
    "firewalls: a policy that forgets neighbour discovery": (
        "a eth0",
        "NOT_SPECIFIED in neigh_invalidate",
    ),
    "firewalls: the same by ip6tables": ("a eth0", "NOT_SPECIFIED in neigh_invalidate"),
    "firewalls: ARP at a bridge": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "firewalls: ARP of a container": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "firewalls: ARP of the sender": ("a eth0", ""),
    "firewalls: answers are dropped": ("host br1", "NETFILTER_DROP in nft_do_chain"),
    "routes: no route": ("a", ""),
    "routes: no route, IPv6": ("a", ""),
    "routes: no route at the router": ("host br0", "IP_INNOROUTES in ip_error"),
    "routes: blackhole": ("a", ""),
    "routes: blackhole, IPv6": ("host br0", "NOT_SPECIFIED in dst_discard_out"),
    "routes: unreachable": ("host br0", "NOT_SPECIFIED in ip_error"),
    "routes: prohibit by a rule": ("host br0", "NOT_SPECIFIED in ip_error"),
    "routes: unreachable in another table": ("host br0", "NOT_SPECIFIED in ip_error"),
    "routes: forwarding off": ("host br0", "IP_INADDRERRORS in ip_error"),
    "routes: forwarding off on one link": ("host br0", "IP_INADDRERRORS in ip_error"),
    "routes: forwarding off, IPv6": ("host br0", "IP_INADDRERRORS in ip6_forward"),
    "routes: rp_filter": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "routes: rp_filter, and both had talked": ("host br0", "IP_RPFILTER in ip_rcv_finish_core"),
    "routes: ttl": ("host br0", "IP_INHDR in ip_forward"),
    "routes: circle": ("d eth0", "IP_INHDR in ip_forward"),
    "routes: no masquerade": ("d", ""),
    "routes: nobody is the gateway": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "routes: a gateway that does not route": ("b eth0", "IP_INADDRERRORS in ip_error"),
    "routes: a mask that leaves the sender out": ("b", ""),
    "routes: a bridge without its address": ("d eth0", "IP_INADDRERRORS in ip_error"),
    "routes: nobody has the address": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "routes: silent owner": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "routes: no IPv6": ("a", ""),
    "switches: wrong neighbour": ("host br0", ""),
    "switches: wrong neighbour at the router": ("host br1", ""),
    "switches: neighbour with the router's MAC": ("host br0", ""),
    "switches: address in two places": ("c eth0", "NO_SOCKET in tcp_v4_rcv"),
    "switches: wrong FDB entry": ("host to-c", ""),
    "switches: a cable in no bridge": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: isolated ports": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: isolated ports that had talked": (
        "host br0",
        "NOT_SPECIFIED in br_handle_frame_finish",
    ),
    "switches: locked port": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: ARP off at the sender": (
        "host br0",
        "NOT_SPECIFIED in br_handle_frame_finish",
    ),
    "switches: ARP off at the router": ("host to-c", ""),
    "switches: a port's own MAC": ("host br0", "OTHERHOST in ip_rcv_core"),
    "switches: proxy_arp at a port": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: broadcast flooding off": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: port down": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: port down that had talked": ("host br0", "NO_TX_TARGET in br_handle_frame_finish"),
    "switches: target's link down": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: routed target's link down": ("host br1", ""),
    "switches: own link down": ("a", ""),
    "switches: own link down, routed": ("a", ""),
    "switches: own port down": ("a eth0", ""),
    "switches: bridge down": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: port blocked by STP": ("a eth0", "NEIGH_FAILED in neigh_invalidate"),
    "switches: hairpin": ("host br0", "NOT_SPECIFIED in br_handle_frame_finish"),
    "sizes: routed": ("host br0", "PKT_TOO_BIG in ip_forward"),
    "sizes: routed, IPv6": ("host br0", "PKT_TOO_BIG in ip6_forward"),
    "sizes: bridge port": ("host br0", "NOT_SPECIFIED in br_nf_dev_queue_xmit"),
    "sizes: other end of a cable": ("host to-b", "NOT_SPECIFIED in __dev_forward_skb2"),
    "sizes: sender": ("a", ""),
    "sizes: black hole": ("host br0", "PKT_TOO_BIG in ip_forward"),
}
"""Where each ends, namespace and link, and what the kernel says of it if it says anything."""

__all__ = ["ALL", "HOST", "WITNESSED", "Breakage"]
