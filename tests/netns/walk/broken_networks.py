"""What can be wrong with a network: one change each, and the cause that a walk should name."""

from typing import NamedTuple

from tests.netns.walk.prediction_stage import B6, C6, PORT, B, C, D


class Case(NamedTuple):
    """Something broken (lines of `where: command`), a packet, and the cause foretold for it."""

    breaks: str
    cause: str
    to: str = B
    source: str = "a"
    port: int = 0
    size: int = 0
    ttl: int = 64
    warm: str | None = None
    """The cause where all had talked before; None: the same."""


def chain(hook: str, rules: str) -> str:
    """The command that makes a filter chain."""
    return f"nft 'table inet f {{ chain c {{ type filter hook {hook} priority 0; {rules} }}; }}'"


def at_link(hook: str, link: str, rules: str) -> str:
    """The command that makes a chain of one link."""
    at = f'type filter hook {hook} device "{link}" priority 0;'
    return f"nft 'table netdev f {{ chain c {{ {at} {rules} }}; }}'"


def port_set(port: str, flag: str) -> str:
    """The command for a flag of a bridge port; some have no other."""
    return f"ip link set dev {port} type bridge_slave {flag}"


KNOWN_TO_THE_HOST = """b: ip link set eth0 address 02:00:00:00:00:0b
        host: bridge fdb replace 02:00:00:00:00:0b dev to-b master static
        host: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:0b dev br0
        host: ip neigh replace fd77::3 lladdr 02:00:00:00:00:0b dev br0"""
"""Whose address b's is: a bridge that answers for others looks there."""

CASES = {
    # routing
    "no route": Case("a: ip route del default", "NO_ROUTE", C),
    "no route at the router": Case(
        """host: ip route del 10.78.0.0/24
        host: ip route del default""",
        "NO_ROUTE",
        C,
    ),
    "no route, IPv6": Case("host: ip -6 route del fd78::/64", "NO_ROUTE", C6),
    "blackhole": Case("a: ip route add blackhole 10.78.0.0/24", "ROUTE_BLACKHOLE", C),
    "blackhole, IPv6": Case("host: ip -6 route add blackhole fd78::2/128", "ROUTE_BLACKHOLE", C6),
    "unreachable at the router": Case(
        "host: ip route add unreachable 10.78.0.2", "ROUTE_UNREACHABLE", C
    ),
    "prohibit by a rule": Case(
        "host: ip rule add prio 10 to 10.78.0.0/24 prohibit", "ROUTE_PROHIBIT", C
    ),
    "another table": Case(
        """host: ip rule add prio 10 iif br0 table 7
        host: ip route add unreachable default table 7""",
        "ROUTE_UNREACHABLE",
        C,
    ),
    "another table, for the answer": Case(
        """host: ip rule add prio 10 iif br1 table 7
        host: ip route add unreachable default table 7""",
        "ROUTE_UNREACHABLE",
        C,
    ),
    "a rule that suppresses": Case(
        """host: ip rule add prio 10 table main suppress_prefixlength 0
        host: ip rule add prio 11 goto 32767
        host: ip route add unreachable default table default""",
        "ROUTE_UNREACHABLE",
        "198.51.100.7",
    ),
    "a rule that suppresses only the default": Case(
        """host: ip rule add prio 10 table main suppress_prefixlength 0
        host: ip rule add prio 11 unreachable""",
        "",
        D,
    ),
    "two ways": Case(
        """host: ip route del 192.0.2.0/24
        host: ip route add 192.0.2.0/24 nexthop dev uplink nexthop dev uplink weight 3""",
        "",
        D,
    ),
    "forwarding off": Case("host: sysctl -qw net.ipv4.ip_forward=0", "IP_FORWARD_OFF", C),
    "forwarding off on one link": Case(
        "host: sysctl -qw net.ipv4.conf.br0.forwarding=0", "IP_FORWARD_OFF", C
    ),
    "forwarding off for the answer": Case(
        "host: sysctl -qw net.ipv4.conf.br1.forwarding=0", "IP_FORWARD_OFF", C
    ),
    "forwarding off, IPv6": Case(
        "host: sysctl -qw net.ipv6.conf.all.forwarding=0", "IP6_FORWARD_OFF", C6
    ),
    "ttl": Case("", "TTL_EXCEEDED", C, ttl=1),
    "hop limit": Case("", "TTL_EXCEEDED", C6, ttl=1),
    "ttl that is enough": Case("", "", C, ttl=2),
    "circle": Case(
        """d: ip route add 10.99.0.0/16 via 192.0.2.1
        host: ip route add 10.99.0.0/16 via 192.0.2.2
        d: sysctl -qw net.ipv4.ip_forward=1""",
        "ROUTING_LOOP",
        "10.99.0.1",
    ),
    "no masquerade": Case("d: ip route del default", "NO_MASQUERADE", D),
    "no way back": Case("b: ip route add blackhole 10.77.0.2", "ROUTE_BLACKHOLE"),
    "strict reverse path": Case(
        """c: ip link add other type bridge
        c: ip link set other up
        c: ip route add 10.77.0.0/24 dev other
        c: sysctl -qw net.ipv4.conf.all.rp_filter=1""",
        "RP_FILTER",
        C,
    ),
    "loose reverse path": Case(
        """c: ip route del default
        c: sysctl -qw net.ipv4.conf.eth0.rp_filter=2""",
        "RP_FILTER",
        C,
    ),
    "localhost of another": Case(
        """a: ip rule add prio 9 table local
        a: ip rule del prio 0 table local
        a: ip route add 127.0.0.9 via 10.77.0.1 src 10.77.0.2
        a: ip rule add prio 8 table main
        a: sysctl -qw net.ipv4.conf.all.route_localnet=1""",
        "MARTIAN",
        "127.0.0.9",
    ),
    # neighbours
    "nobody": Case("", "NEIGHBOUR_UNANSWERED", "10.77.0.99"),
    "nobody, IPv6": Case("", "NEIGHBOUR_UNANSWERED", "fd77::99"),
    "wrong gateway": Case("a: ip route replace default via 10.77.0.99", "WRONG_GATEWAY", C),
    "gateway that does not forward": Case(
        "a: ip route replace default via 10.77.0.3", "IP_FORWARD_OFF", C
    ),
    "arp_ignore 8": Case(
        "b: sysctl -qw net.ipv4.conf.all.arp_ignore=8", "NEIGHBOUR_UNANSWERED", warm=""
    ),
    "arp_ignore 1": Case(
        """host: sysctl -qw net.ipv4.conf.all.arp_ignore=1
        a: ip route add 10.78.0.1 dev eth0""",
        "NEIGHBOUR_UNANSWERED",
        "10.78.0.1",
    ),
    "arp for another link's address": Case("a: ip route add 10.78.0.1 dev eth0", "", "10.78.0.1"),
    "proxy_arp": Case(
        """host: sysctl -qw net.ipv4.conf.br0.proxy_arp=1 net.ipv4.neigh.br0.proxy_delay=0
        a: ip route add 10.78.0.2 dev eth0""",
        "",
        C,
    ),
    "no proxy_arp": Case("a: ip route add 10.78.0.2 dev eth0", "NEIGHBOUR_UNANSWERED", C),
    "proxy entry": Case(
        """host: ip neigh add proxy 10.78.0.2 dev br0
        host: sysctl -qw net.ipv4.neigh.br0.proxy_delay=0
        a: ip route add 10.78.0.2 dev eth0""",
        "",
        C,
    ),
    "arp_filter": Case(
        """b: ip link add other type bridge
        b: ip link set other up
        b: ip route add 10.77.0.2 dev other
        b: sysctl -qw net.ipv4.conf.all.arp_filter=1""",
        "NEIGHBOUR_UNANSWERED",
    ),
    "ARP switched off at the sender": Case("a: ip link set eth0 arp off", "HAIRPIN_OFF"),
    "ARP switched off at the sender, and the neighbours are written": Case(
        """a: ip link set eth0 address 02:00:00:00:00:0a
        b: ip link set eth0 address 02:00:00:00:00:0b
        a: ip link set eth0 arp off
        a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:0b dev eth0 nud permanent
        b: ip neigh replace 10.77.0.2 lladdr 02:00:00:00:00:0a dev eth0 nud permanent""",
        "",
    ),
    "ARP switched off at the target": Case("b: ip link set eth0 arp off", "NEIGHBOUR_UNANSWERED"),
    "a port's own MAC for the target": Case(
        """host: ip link set br0 address 02:00:00:00:00:70
        host: ip link set to-b address 02:00:00:00:00:77
        a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:77 dev eth0 nud permanent""",
        "WRONG_NEIGHBOUR",
    ),
    "the MAC of the sender's own port for the host": Case(
        """host: ip link set br0 address 02:00:00:00:00:70
        host: ip link set to-a address 02:00:00:00:00:77
        a: ip neigh replace 10.77.0.1 lladdr 02:00:00:00:00:77 dev eth0 nud permanent""",
        "",
        "10.77.0.1",
    ),
    "wrong neighbour": Case(
        "a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
        "WRONG_NEIGHBOUR",
        warm="WRONG_NEIGHBOUR",
    ),
    "wrong neighbour at the router": Case(
        "host: ip neigh replace 10.78.0.2 lladdr 02:00:00:00:00:99 dev br1 nud permanent",
        "WRONG_NEIGHBOUR",
        C,
    ),
    "the sender's address is the target's too": Case(
        "b: ip addr add 10.77.0.2/32 dev lo", "DUPLICATE_ADDRESS", warm="DUPLICATE_ADDRESS"
    ),
    "another has the target's address": Case(
        """host: ip addr add 10.77.0.3/32 dev lo
        host: ip link set br0 address 02:00:00:00:00:99
        a: ip neigh replace 10.77.0.3 dev eth0 lladdr 02:00:00:00:00:99 nud permanent""",
        "DUPLICATE_ADDRESS",
        port=PORT,
    ),
    "static FDB entry that the owner's own answer moves": Case(
        """host: ip link add decoy type veth peer name end netns d
        host: ip link set decoy master br0 up
        d: ip link set end up
        b: ip link set eth0 address 02:00:00:00:00:0b
        host: bridge fdb replace 02:00:00:00:00:0b dev decoy master static""",
        "",
    ),
    "static FDB entry": Case(
        """host: ip link add decoy type veth peer name end netns d
        host: ip link set decoy master br0 up
        d: ip link set end up
        b: ip link set eth0 address 02:00:00:00:00:0b
        a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:0b dev eth0 nud permanent
        host: bridge fdb replace 02:00:00:00:00:0b dev decoy master static sticky""",
        "WRONG_FDB",
    ),
    # switching
    "isolated": Case(
        """host: bridge link set dev to-a isolated on
        host: bridge link set dev to-b isolated on""",
        "PORT_ISOLATED",
        warm="PORT_ISOLATED",
    ),
    "one isolated": Case("host: bridge link set dev to-a isolated on", ""),
    "isolated, to the host": Case("host: bridge link set dev to-a isolated on", "", "10.77.0.1"),
    "locked": Case(
        """host: ip link set to-a down
        host: bridge link set dev to-a locked on learning off
        host: ip link set to-a up""",
        "PORT_LOCKED",
    ),
    "locked, the neighbour known": Case(
        """host: ip link set to-a down
        host: bridge link set dev to-a locked on learning off
        host: ip link set to-a up
        a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:0b dev eth0 nud permanent
        b: ip link set eth0 address 02:00:00:00:00:0b""",
        "PORT_LOCKED",
    ),
    "broadcast flood off": Case(
        "host: bridge link set dev to-b bcast_flood off", "FLOOD_OFF", warm=""
    ),
    "multicast flood off": Case(
        "host: bridge link set dev to-b mcast_flood off", "FLOOD_OFF", B6, warm=""
    ),
    "proxy_arp at its port": Case(
        f"host: {port_set('to-b', 'proxy_arp on')}", "FLOOD_OFF", warm=""
    ),
    "proxy_arp at its port, the bridge's own question": Case(
        f"host: {port_set('to-b', 'proxy_arp on')}", "FLOOD_OFF", source="host"
    ),
    "proxy_arp at its port, IPv6": Case(
        f"host: {port_set('to-b', 'proxy_arp on')}", "FLOOD_OFF", B6, warm=""
    ),
    "proxy_arp at the asker's port, and the bridge knows": Case(
        f"""{KNOWN_TO_THE_HOST}
        host: {port_set("to-a", "proxy_arp on")}
        b: sysctl -qw net.ipv4.conf.all.arp_ignore=8
        a: ip link set eth0 address 02:00:00:00:00:0a
        b: ip neigh replace 10.77.0.2 lladdr 02:00:00:00:00:0a dev eth0""",
        "",
    ),
    "neigh_suppress, and the bridge answers": Case(
        f"""{KNOWN_TO_THE_HOST}
        host: {port_set("to-b", "neigh_suppress on")}
        b: sysctl -qw net.ipv4.conf.all.arp_ignore=8""",
        "",
    ),
    "neigh_suppress, and the bridge answers, IPv6": Case(
        f"""{KNOWN_TO_THE_HOST}
        host: {port_set("to-b", "neigh_suppress on")}
        b: {chain("input", "icmpv6 type nd-neighbor-solicit drop;")}""",
        "",
        B6,
    ),
    "neigh_suppress, and the bridge does not know": Case(
        f"""host: {port_set("to-b", "neigh_suppress on")}
        b: sysctl -qw net.ipv4.conf.all.arp_ignore=8""",
        "NEIGHBOUR_UNANSWERED",
        warm="",
    ),
    "neigh_suppress, and all is well": Case(f"host: {port_set('to-b', 'neigh_suppress on')}", ""),
    "neigh_suppress, and the bridge is wrong": Case(
        f"""host: {port_set("to-b", "neigh_suppress on")}
        host: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:99 dev br0
        host: bridge fdb replace 02:00:00:00:00:99 dev to-a master static""",
        "FLOOD_OFF",
    ),
    "unknown unicast": Case(
        """host: ip link set to-b down
        host: bridge link set dev to-b flood off learning off
        host: ip link set to-b up
        b: ip link set eth0 address 02:00:00:00:00:0b
        a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:0b dev eth0 nud permanent""",
        "FLOOD_OFF",
    ),
    "no learning": Case("host: bridge link set dev to-b learning off", ""),
    "port down": Case("host: ip link set to-b down", "LINK_DOWN", warm="LINK_DOWN"),
    "target's link down": Case("b: ip link set eth0 down", "LINK_DOWN", warm="LINK_DOWN"),
    "own link down": Case("a: ip link set eth0 down", "LINK_DOWN"),
    "own port down": Case("host: ip link set to-a down", "LINK_DOWN", warm="LINK_DOWN"),
    "port down, routed": Case("host: ip link set to-c down", "LINK_DOWN", C, warm="LINK_DOWN"),
    "bridge down": Case("host: ip link set br0 down", "LINK_DOWN", warm="LINK_DOWN"),
    "unplugged": Case(
        "host: ip link set to-b nomaster", "NEIGHBOUR_UNANSWERED", warm="NEIGHBOUR_UNANSWERED"
    ),
    "STP": Case(
        """host: ip link set br0 type bridge stp_state 1 forward_delay 1500
        host: ip link set to-b nomaster
        host: ip link set to-b master br0""",
        "PORT_BLOCKING",
    ),
    # size
    "too large for the sender": Case("", "MTU_SENDER", size=1501),
    "full size": Case("", "", size=1500),
    "routed": Case("host: ip link set br1 mtu 1400", "MTU_ROUTED", C, size=1450),
    "routed, IPv6": Case("host: ip link set br1 mtu 1400", "MTU_ROUTED", C6, size=1450),
    "routed, and the error is lost": Case(
        f"""host: ip link set br1 mtu 1400
        host: {chain("output", "icmp type destination-unreachable drop;")}""",
        "MTU_BLACK_HOLE",
        C,
        size=1450,
    ),
    "a route's own": Case(
        "host: ip route change 10.78.0.0/24 dev br1 src 10.78.0.1 mtu 1300",
        "MTU_ROUTED",
        C,
        size=1400,
    ),
    "bridge port": Case("host: ip link set to-b mtu 1400", "MTU_BRIDGE_PORT", size=1401),
    "bridge port, filled": Case("host: ip link set to-b mtu 1400", "", size=1400),
    "bridge port, no br_netfilter": Case(
        """host: ip link set to-b mtu 1400
        host: sysctl -qw net.bridge.bridge-nf-call-iptables=0""",
        "MTU_BRIDGE_PORT",
        size=1405,
    ),
    "bridge port, room for a tag": Case(
        """host: ip link set to-b mtu 1400
        host: sysctl -qw net.bridge.bridge-nf-call-iptables=0""",
        "",
        size=1404,
    ),
    "bridge port, IPv6": Case("host: ip link set to-b mtu 1400", "MTU_BRIDGE_PORT", B6, size=1405),
    "bridge port, IPv6, just so": Case("host: ip link set to-b mtu 1400", "", B6, size=1400),
    "veth": Case("b: ip link set eth0 mtu 1400", "MTU_VETH", size=1405),
    # firewalls
    "policy": Case(f"host: {chain('forward', 'policy drop;')}", "FIREWALL_POLICY", C),
    "policy, and br_netfilter": Case(
        f"host: {chain('forward', 'policy drop;')}", "BRIDGE_NETFILTER", warm="BRIDGE_NETFILTER"
    ),
    "policy, and no br_netfilter": Case(
        f"""host: {chain("forward", "policy drop;")}
        host: sysctl -qw net.bridge.bridge-nf-call-iptables=0""",
        "",
    ),
    "sender's own": Case(f"a: {chain('output', 'ip daddr 10.77.0.3 drop;')}", "SENDER_FIREWALL"),
    "receiver's own": Case(f"b: {chain('input', 'ip saddr 10.77.0.2 drop;')}", "FIREWALL_DROP"),
    "refused": Case(f"b: {chain('input', 'tcp dport 8080 reject;')}", "FIREWALL_REJECT", port=PORT),
    "for the answer": Case(
        f"host: {chain('forward', 'iif br1 ct state new,established drop;')}", "FIREWALL_DROP", C
    ),
    "as it comes in by a port": Case(
        f"host: {at_link('ingress', 'to-a', 'ip daddr 10.77.0.3 drop;')}", "FIREWALL_DROP"
    ),
    "as it leaves by a port": Case(
        f"host: {at_link('egress', 'to-b', 'ip saddr 10.77.0.2 drop;')}", "FIREWALL_DROP"
    ),
    "by another port": Case(f"host: {at_link('ingress', 'to-c', 'drop;')}", ""),
    "as it comes up from the bridge": Case(
        f"host: {at_link('ingress', 'br0', 'ip daddr 10.78.0.2 drop;')}", "FIREWALL_DROP", C
    ),
    "as it leaves by the bridge": Case(
        f"host: {at_link('egress', 'br1', 'ip daddr 10.78.0.2 drop;')}", "FIREWALL_DROP", C
    ),
    "as it comes in by its own link": Case(
        f"b: {at_link('ingress', 'eth0', 'ip saddr 10.77.0.2 drop;')}", "FIREWALL_DROP"
    ),
    "as it leaves by its own link": Case(
        f"a: {at_link('egress', 'eth0', 'ip daddr 10.77.0.3 drop;')}", "SENDER_FIREWALL"
    ),
    "the question, at a port": Case(
        f"host: {at_link('ingress', 'to-a', 'ether type arp drop;')}", "FIREWALL_DROP", warm=""
    ),
    "its answers go to a stranger": Case(
        "b: ip neigh replace fd77::2 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
        "NEIGHBOUR_UNANSWERED",
        B6,
        warm="WRONG_NEIGHBOUR",
    ),
    "a gateway that is one's own address": Case(
        "host: ip route replace 10.78.0.0/24 via 10.78.0.1", "", C
    ),
    "a question of the bridge's own": Case(
        "host: bridge link set dev to-b bcast_flood off", "", B, "host"
    ),
    "sent to oneself by output": Case(
        "host: nft 'table ip n { chain c { type nat hook output priority -100; "
        "ip daddr 10.77.0.3 tcp dport 9000 dnat to 10.77.0.1:9001; }; }'",
        "NO_LISTENER",
        B,
        "host",
        9000,
    ),
    # receiving
    "no answer to ping": Case("b: sysctl -qw net.ipv4.icmp_echo_ignore_all=1", "NO_ANSWER"),
    "no answer to ping, IPv6": Case(
        "b: sysctl -qw net.ipv6.icmp.echo_ignore_all=1", "NO_ANSWER", B6
    ),
    "nobody listens": Case("", "NO_LISTENER", port=PORT + 1),
    "somebody listens": Case("", "", port=PORT),
    "no IPv6": Case("a: sysctl -qw net.ipv6.conf.all.disable_ipv6=1", "IPV6_ABSENT", B6),
    "no IPv6 there": Case(
        "b: sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
        "NEIGHBOUR_UNANSWERED",
        B6,
        warm="IPV6_ABSENT",
    ),
}
