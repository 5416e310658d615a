"""Random hosts: bridges, containers, routers, and whatever an administrator may do to them."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st
from tests.netns.cables import await_cables
from tests.netns.engine.seeing import open_socket

from glassbridge.kernel.netns import inside, opened_netns
from glassbridge.model.packet import Transport

HOST, ROUTER = "host", "router"
PORT, CLOSED, PUBLISHED = 80, 81, 9000
ICMP, TCP, UDP = Transport


@dataclass(frozen=True)
class Layout:
    """How many containers each bridge has, and whether a container routes between the first two."""

    members: tuple[int, ...]
    has_router: bool

    @property
    def containers(self) -> tuple[str, ...]:
        own = [f"c{b}{n}" for b, count in enumerate(self.members) for n in range(count)]
        return (*own, *([ROUTER] if self.has_router else ()))

    def links(self, name: str) -> tuple[tuple[str, int, int], ...]:
        """Of a container: its link, the number of the bridge, and of itself there."""
        if name == ROUTER:
            return (("eth0", 0, 200), ("eth1", 1, 200))
        return (("eth0", int(name[1]), 10 + int(name[2])),)

    @property
    def places(self) -> tuple[str, ...]:
        return (HOST, *self.containers)

    @property
    def ports(self) -> tuple[str, ...]:
        return tuple(f"{name}-{link}" for name in self.containers for link, *_ in self.links(name))

    def addresses(self, version: int) -> tuple[str, ...]:
        """Everybody's, the host's and the router's included."""
        own = [(b, n) for name in self.containers for _, b, n in self.links(name)]
        return tuple(address(b, n, version) for b, n in (*own, *((b, 1) for b in self.bridges)))

    @property
    def bridges(self) -> range:
        return range(len(self.members))


@dataclass(frozen=True)
class Flow:
    """One packet to be asked for."""

    source: str
    to: str
    transport: Transport
    port: int
    size: int
    ttl: int


@dataclass(frozen=True)
class Plan:
    """A host, what is changed on it, and what is asked then."""

    layout: Layout
    changes: tuple[str, ...]
    """Lines of `where: command`."""
    flows: tuple[Flow, ...]
    has_talked: bool


def address(bridge: int, number: int, version: int) -> str:
    return f"10.6{bridge}.0.{number}" if version == 4 else f"fd6{bridge}::{number}"


def subnet(bridge: int, version: int) -> str:
    return f"10.6{bridge}.0.0/24" if version == 4 else f"fd6{bridge}::/64"


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    members = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    layout = Layout(tuple(members), has_router=len(members) > 1 and draw(st.booleans()))
    kinds = draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3))
    changes = [draw(kind(layout)) for kind in kinds]
    flows = draw(st.lists(_flows(layout), min_size=2, max_size=2, unique=True))
    return Plan(layout, tuple(changes), tuple(flows), draw(st.booleans()))


@st.composite
def _flows(draw: st.DrawFn, layout: Layout) -> Flow:
    version = draw(st.sampled_from((4, 4, 6)))
    transport = draw(st.sampled_from((ICMP, TCP, UDP)))
    source = draw(st.sampled_from(layout.places))
    own = _own(layout, source, version)
    to = draw(st.sampled_from([a for a in layout.addresses(version) if a not in own]))
    ports = (PORT, PORT, CLOSED, PUBLISHED)
    return Flow(
        source,
        to,
        transport,
        0 if transport is ICMP else draw(st.sampled_from(ports)),
        0 if transport is TCP else draw(st.sampled_from((0, 0, 0, 1450))),
        draw(st.sampled_from((64, 64, 64, 64, 2, 1))),
    )


def _own(layout: Layout, name: str, version: int) -> list[str]:
    if name == HOST:
        return [address(b, 1, version) for b in layout.bridges]
    return [address(b, n, version) for _, b, n in layout.links(name)]


def _port_flags(layout: Layout) -> st.SearchStrategy[str]:
    flags = (
        "isolated on", "hairpin on", "flood off", "bcast_flood off", "mcast_flood off",
        "learning off", "locked on",
    )  # fmt: skip
    return st.builds(
        "host: bridge link set dev {} {}".format,
        st.sampled_from(layout.ports),
        st.sampled_from(flags),
    )


def _isolations(layout: Layout) -> st.SearchStrategy[str]:
    """Of every port."""
    each = "; ".join(f"bridge link set dev {port} isolated on" for port in layout.ports)
    return st.just(f'host: sh -c "{each}"')


def _links(layout: Layout) -> st.SearchStrategy[str]:
    own = [f"{name}: ip link set {k}" for name in layout.containers for k, *_ in layout.links(name)]
    host = [f"host: ip link set {k}" for k in (*layout.ports, *(f"br{b}" for b in layout.bridges))]
    return st.builds(
        "{} {}".format,
        st.sampled_from((*own, *host)),
        st.sampled_from(("down", "mtu 1400", "mtu 1400", "address 02:00:00:00:00:99")),
    )


def _sysctls(layout: Layout) -> st.SearchStrategy[str]:
    switches = (
        "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0", "net.ipv4.ip_forward=1",
        "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.all.rp_filter=2",
        "net.ipv4.icmp_echo_ignore_all=1", "net.ipv6.icmp.echo_ignore_all=1",
        "net.ipv6.conf.all.disable_ipv6=1", "net.ipv4.conf.all.arp_ignore=1",
        "net.ipv4.conf.all.arp_ignore=8", "net.ipv4.conf.all.proxy_arp=1",
        "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0",
        "net.ipv4.conf.all.arp_announce=2", "net.ipv4.ip_default_ttl=3",
    )  # fmt: skip
    return st.builds(
        "{}: sysctl -qw {}".format, st.sampled_from(layout.places), st.sampled_from(switches)
    )


@st.composite
def _routes(draw: st.DrawFn, layout: Layout) -> str:
    version, where = draw(st.sampled_from((4, 6))), draw(st.sampled_from(layout.places))
    to = draw(st.sampled_from([subnet(b, version) for b in layout.bridges]))
    host = f"{draw(st.sampled_from(layout.addresses(version)))}/{32 if version == 4 else 128}"
    gateway = draw(st.sampled_from((*layout.addresses(version), address(0, 99, version))))
    kind = draw(st.sampled_from(("blackhole", "unreachable", "prohibit", "throw")))
    table = draw(st.sampled_from(("", " table 7")))
    command = draw(
        st.sampled_from(
            (
                "route del default",
                f"route replace default via {gateway}",
                f"route replace {host} via {gateway}{table}",
                f"route replace {to} via {gateway}{table}",
                f"route replace {kind} {host}{table}",
                f"rule add prio 100 to {host} {kind.replace('throw', 'prohibit')}",
                f"rule add prio 90 from {to} table 7",
            )
        )
    )
    return f"{where}: ip -{version} {command}"


@st.composite
def _rules(draw: st.DrawFn, layout: Layout) -> str:
    """A chain with one or two rules, or with a policy."""
    where = draw(st.sampled_from(layout.places))
    family = draw(st.sampled_from(("ip", "inet", "inet", "ip6", *(("bridge",) * (where == HOST)))))
    hook = draw(st.sampled_from(("prerouting", "input", "forward", "output", "postrouting")))
    links = [*layout.ports, *(f"br{b}" for b in layout.bridges)] if where == HOST else ["eth0"]
    version = 6 if family == "ip6" else 4
    ip = "ip6" if version == 6 else "ip"
    matches = [
        f"{ip} saddr {draw(st.sampled_from(layout.addresses(version)))}",
        f"{ip} daddr {draw(st.sampled_from([subnet(b, version) for b in layout.bridges]))}",
        f"tcp dport {{ {PORT}, {PUBLISHED} }}",
        f"udp dport {PORT}",
        "meta l4proto { tcp, icmp, ipv6-icmp }",
        *(["meta protocol arp", "arp operation request"] if family == "bridge" else []),
        *([] if hook in ("output", "postrouting") else [f"iifname {draw(st.sampled_from(links))}"]),
        *(
            []
            if hook in ("prerouting", "input")
            else [f'oifname "{draw(st.sampled_from(links))[:3]}*"']
        ),
        *([] if family == "bridge" else ["ct state new", "ct state established,related"]),
    ]
    verdicts = ["drop", "accept", "counter drop", "return"]
    verdicts += ["reject"] * (hook in ("input", "forward", "output") and family != "bridge")
    rules = [
        f"{' '.join(draw(st.lists(st.sampled_from(matches), min_size=1, max_size=2, unique=True)))}"
        f" {draw(st.sampled_from(verdicts))};"
        for _ in range(draw(st.integers(1, 2)))
    ]
    priority = draw(st.sampled_from((-300, -10, 0, 10)))
    policy = draw(st.sampled_from(("accept", "accept", "accept", "drop")))
    body = f"type filter hook {hook} priority {priority}; policy {policy}; {' '.join(rules)}"
    name = draw(st.sampled_from("xyz"))
    return f"{where}: nft 'table {family} {name} {{ chain {hook} {{ {body} }}; }}'"


@st.composite
def _published(draw: st.DrawFn, layout: Layout) -> str:
    """A published port as engines make it, or without the masquerade that it needs."""
    version = draw(st.sampled_from((4, 4, 6)))
    family, colon = ("ip", "{}:{}") if version == 4 else ("ip6", "[{}]:{}")
    to = colon.format(draw(st.sampled_from(layout.addresses(version))), PORT)
    match = f"meta l4proto {{ tcp, udp }} th dport {PUBLISHED} dnat to {to};"
    masquerade = draw(st.sampled_from(("ct status dnat masquerade;", "")))
    return (
        f"host: nft 'table {family} nat {{ "
        f"chain pre {{ type nat hook prerouting priority -100; {match} }}; "
        f"chain out {{ type nat hook output priority -100; {match} }}; "
        f"chain post {{ type nat hook postrouting priority 100; {masquerade} }}; }}'"
    )


@st.composite
def _strangers(draw: st.DrawFn, layout: Layout) -> str:
    """A MAC that nobody has, or somebody else has, in a table where the kernel believes it."""
    where = draw(st.sampled_from(layout.places))
    link = "br0" if where == HOST else "eth0"
    mac = draw(st.sampled_from(("02:00:00:00:00:99", *map(mac_of, layout.ports))))
    to = draw(st.sampled_from(layout.addresses(draw(st.sampled_from((4, 6))))))
    port = draw(st.sampled_from(layout.ports))
    neighbour = f"{where}: ip neigh replace {to} lladdr {mac} dev {link} nud permanent"
    fdb = f"host: bridge fdb replace {mac} dev {port} master static"
    return draw(st.sampled_from((neighbour, fdb)))


CHANGES = (
    _port_flags,
    _isolations,
    _links,
    _sysctls,
    _routes,
    _routes,
    _rules,
    _rules,
    _published,
    _published,
    _strangers,
)


def mac_of(port: str) -> str:
    """Of the container's end of the cable in a port."""
    name, _, link = port.partition("-")
    number = f"ff{link[-1]}0" if name == ROUTER else f"{name[1]}{name[2]}{link[-1]}1"
    return f"02:11:22:33:{number[:2]}:{number[2:]}"


class GeneratedHost:
    """A plan come true, in the namespace of the calling thread."""

    def __init__(self, plan: Plan) -> None:
        layout = plan.layout
        self.names = layout.containers
        self._servers: list[socket.socket] = []
        for name in layout.containers:
            run(HOST, f"ip netns add {name}")
        for name in layout.places:
            for setting in ("ipv6.conf.default.accept_dad=0", "ipv6.conf.all.accept_dad=0"):
                write_sysctl(name, f"net.{setting}")
            write_sysctl(name, f"net.ipv4.ip_forward={int(name in (HOST, ROUTER))}")
            write_sysctl(name, "net.ipv4.icmp_ratelimit=0")
            write_sysctl(name, "net.ipv6.icmp.ratelimit=0")
        for name in (HOST, ROUTER):
            if name in layout.places:
                write_sysctl(name, "net.ipv6.conf.all.forwarding=1")
        batch(HOST, [line for b in layout.bridges for line in _bridge(b)])
        for name in layout.containers:
            batch(HOST, [line for link in layout.links(name) for line in _cable(name, *link)])
            batch(name, ["link set lo up", *_stack(name, layout)])
        await_cables()
        for name in layout.places:
            self._listen(name)

    def close(self) -> None:
        for server in self._servers:
            server.close()
        for name in self.names:
            run(HOST, f"ip netns del {name}")

    def change(self, line: str) -> None:
        """Do it; what makes no sense on this host is refused by the kernel, and not done."""
        where, _, command = line.partition(": ")
        run(where, command, check=False)
        await_cables()

    def arrives(self, flow: Flow) -> bool:
        """A real packet: a ping or a connection there and back, a datagram at its socket."""
        version = 6 if ":" in flow.to else 4
        if flow.transport is ICMP:
            size = ["-M", "do", "-s", str(flow.size - (48 if version == 6 else 28))]
            options = ["-t", str(flow.ttl), *(size if flow.size else ())]
            return run(
                flow.source,
                shlex.join(["ping", "-n", "-c1", "-W0.5", *options, flow.to]),
                check=False,
            )
        kind = socket.SOCK_STREAM if flow.transport is TCP else socket.SOCK_DGRAM
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        with open_socket(_path(flow.source), kind, family) as client, suppress(OSError):
            client.settimeout(0.5)
            if version == 6:
                client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, flow.ttl)
                client.setsockopt(socket.IPPROTO_IPV6, 23, 2)  # IPV6_MTU_DISCOVER: DO
            else:
                client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, flow.ttl)
                client.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: DO
            client.connect((flow.to, flow.port))
            if flow.transport is TCP:
                return True
            self._drain()
            token = b"arrives".ljust((flow.size or 60) - (48 if version == 6 else 28), b".")
            client.send(token)
            with suppress(OSError):
                client.recv(1)  # an error, or nothing: it had its time
            return token in self._drain()
        return False

    def _listen(self, name: str) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                server = open_socket(_path(name), kind, family)
                self._servers.append(server)
                if family == socket.AF_INET6:
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                server.setblocking(False)
                server.bind(("", PORT))
                if kind == socket.SOCK_STREAM:
                    server.listen()

    def _drain(self) -> list[bytes]:
        """All datagrams that came."""
        found = []
        for server in self._servers:
            if server.type == socket.SOCK_DGRAM:
                with suppress(BlockingIOError):
                    while True:
                        found.append(server.recv(2000))
        return found


@contextmanager
def generated_host(plan: Plan) -> Iterator[GeneratedHost]:
    """In a namespace of its own, and gone after."""
    with ExitStack() as opened:
        run(HOST, "ip netns add generated")
        opened.callback(run, HOST, "ip netns del generated")
        fd = opened.enter_context(opened_netns("/run/netns/generated"))
        opened.enter_context(inside(fd))
        run(HOST, "ip link set lo up")
        host = GeneratedHost(plan)
        opened.callback(host.close)
        yield host


def _bridge(number: int) -> list[str]:
    return [
        f"link add br{number} type bridge forward_delay 0",
        f"address add {address(number, 1, 4)}/24 dev br{number}",
        f"address add {address(number, 1, 6)}/64 dev br{number} nodad",
        f"link set br{number} up",
    ]


def _cable(name: str, link: str, bridge: int, _number: int) -> list[str]:
    port = f"{name}-{link}"
    return [
        f"link add {port} type veth peer name {link} address {mac_of(port)} netns {name}",
        f"link set {port} master br{bridge} up",
    ]


def _stack(name: str, layout: Layout) -> list[str]:
    lines = []
    for link, bridge, number in layout.links(name):
        lines += [
            f"address add {address(bridge, number, 4)}/24 dev {link}",
            f"address add {address(bridge, number, 6)}/64 dev {link} nodad",
            f"link set {link} up",
        ]
        if link == "eth0":
            lines += [
                f"route add default via {address(bridge, 1, 4)}",
                f"route add ::/0 via {address(bridge, 1, 6)}",
            ]
    return lines


def run(where: str, command: str, *, check: bool = True) -> bool:
    """One command in a namespace; whether it succeeded."""
    enter = [] if where == HOST else ["ip", "netns", "exec", where]
    done = subprocess.run(
        [*enter, *shlex.split(command)], check=False, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0 or not check, f"{where}: {command}: {done.stderr}"
    return done.returncode == 0


def batch(where: str, lines: list[str]) -> None:
    """Lines of `ip`."""
    words = ["ip", *(() if where == HOST else ("-n", where)), "-batch", "-"]
    done = subprocess.run(
        words, input="\n".join(lines), text=True, check=False, capture_output=True
    )
    assert done.returncode == 0, f"{where}: {lines}: {done.stderr}"


def write_sysctl(where: str, setting: str) -> None:
    """One of a namespace's own."""
    key, _, value = setting.partition("=")
    with ExitStack() as opened:
        if where != HOST:
            opened.enter_context(inside(opened.enter_context(opened_netns(_path(where)))))
        Path("/proc/sys", *key.split(".")).write_text(value)


def _path(where: str) -> str:
    return "" if where == HOST else f"/run/netns/{where}"
