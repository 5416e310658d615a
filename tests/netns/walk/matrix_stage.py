"""A host with networks of our own engine, an outside, and servers everywhere, for many traces."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.netns.cables import await_cables
from tests.netns.engine.seeing import ask, open_socket
from tests.netns.firewall.answering import Answering

from glassbridge.engine.engine import Engine
from glassbridge.engine.survey import Survey
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.engine.tracing import trace
from glassbridge.kernel.netns import inside, opened_netns
from glassbridge.model.container import NetworkWish
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.ports import parse_ports
from glassbridge.model.report import TraceReport
from glassbridge.model.requests import AttachRequest, NetworkRequest

HOST, OUT = "host", "out"
PATIENCE, SILENCE = 3.0, 0.2
"""How long an answer is waited for that must come, and one that must not."""

_ROUTED = {
    "com.docker.network.bridge.gateway_mode_ipv4": "routed",
    "com.docker.network.bridge.gateway_mode_ipv6": "routed",
}
NETWORKS = (
    NetworkRequest(name="blue", ipv6=True),
    NetworkRequest(name="green", ipv6=True),
    NetworkRequest(name="open", ipv6=True, options=_ROUTED),
    NetworkRequest(
        name="quiet", ipv6=True, options={"com.docker.network.bridge.enable_icc": "false"}
    ),
    NetworkRequest(name="closed", ipv6=True, internal=True),
)
CONTAINERS = {
    "one": (("blue",), ()),
    "two": (("blue",), ("8080:80", "8080:80/udp", "127.0.0.1:8090:80", "127.0.0.1:8090:80/udp")),
    "three": (("green",), ()),
    "both": (("blue", "green"), ()),
    "routed": (("open",), ("80", "80/udp")),
    "quiet1": (("quiet",), ()),
    "quiet2": (("quiet",), ("8081:80", "8081:80/udp")),
    "closed1": (("closed",), ()),
    "closed2": (("closed",), ()),
}
_UPLINK = """
link add up0 type veth peer name up0 netns out
addr add 198.51.100.1/24 dev up0
addr add 2001:db8::1/64 dev up0 nodad
link set up0 up
route add ::/0 via 2001:db8::9
route add default via 198.51.100.9
"""
_OUTSIDE = """
addr add 198.51.100.9/24 dev up0
addr add 2001:db8::9/64 dev up0 nodad
link set up0 up
route add default via 198.51.100.1
route add ::/0 via 2001:db8::1
"""


class MatrixStage:
    """Everything of it, in the namespace of the calling thread."""

    def __init__(self, folder: Path, *, nf_call: bool) -> None:
        self.nf_call = nf_call
        self._answering = Answering()
        for table in ("iptables", "ip6tables", "arptables"):
            path = Path(f"/proc/sys/net/bridge/bridge-nf-call-{table}")
            path.write_text(str(int(nf_call)))
        # every refused probe must hear of it
        Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0")
        Path("/proc/sys/net/ipv6/icmp/ratelimit").write_text("0")
        for name in (OUT, *CONTAINERS):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        batch(_UPLINK)
        batch(_OUTSIDE, OUT)
        await_cables()
        self._engine = Engine(folder / "run", folder / "state")
        for network in NETWORKS:
            self._engine.create_network(network)
        for name, (networks, ports) in CONTAINERS.items():
            self._attach(name, networks, ports)
        self._known = self._engine.sandboxes(), self._engine.networks()
        self._listen()

    def close(self) -> None:
        self._answering.close()
        self._engine.down(force=True)
        self._engine.close()

    def address(self, name: str, version: int) -> str:
        """Where somebody is reached: NAME, `host`, `out`, `localhost`, or `gateway of NETWORK`."""
        fixed = {
            HOST: ("198.51.100.1", "2001:db8::1"),
            OUT: ("198.51.100.9", "2001:db8::9"),
            "localhost": ("127.0.0.1", "::1"),
        }
        if name in fixed:
            return fixed[name][version == 6]
        views, networks = self._known
        if name.startswith("gateway of "):
            found = next(
                n.network for n in networks if n.network.name == name.removeprefix("gateway of ")
            )
            return str(next(i.ip for i in found.gateway_interfaces if i.version == version))
        name, _, network = name.partition("@")
        network = network or CONTAINERS[name][0][0]
        view = next(v for v in views if v.sandbox.name == name)
        end = next(e.endpoint for e in view.endpoints if e.network == network)
        return str(next(a for a in end.addresses if a.version == version))

    def trace(self, wish: FlowWish, *, silent: bool) -> TraceReport:
        """As the command line does it; `silent`: no answer is to be expected."""
        survey = Survey(*self._known)
        try:
            return trace(survey, wish, TraceOptions(timeout=SILENCE if silent else PATIENCE))
        finally:
            survey.close()

    def forget(self, *names: str) -> None:
        """Have neighbour tables and switches forget whom they know."""
        used = (n.network.bridge for n in self._known[1] if n.endpoints)
        flushes = [f"link set {bridge} type bridge fdb_flush" for bridge in used]
        for name in {HOST, *names} & {HOST, OUT, *CONTAINERS}:
            batch("\n".join(["neigh flush all", *(flushes if name == HOST else ())]), name)

    def reaches(
        self, source: str, address: str, transport: Transport, port: int, *, silent: bool
    ) -> bool:
        """What a plain ping or a plain client sees."""
        patience = SILENCE if silent else PATIENCE
        if transport is Transport.ICMP:
            words = ["ping", "-n", "-c1", f"-W{patience}", address]
            enter = [] if source == HOST else ["ip", "netns", "exec", source]
            return (
                subprocess.run([*enter, *words], check=False, capture_output=True).returncode == 0
            )
        kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
        return bool(ask(path_of(source), address, port, kind, patience=patience))

    def _attach(self, name: str, networks: tuple[str, ...], ports: tuple[str, ...]) -> None:
        self._engine.attach(
            AttachRequest(
                name=name,
                netns=path_of(name),
                networks=tuple(NetworkWish(network=n) for n in networks),
                ports=tuple(wish for text in ports for wish in parse_ports(text)),
            )
        )

    def _listen(self) -> None:
        for name in (HOST, OUT, *CONTAINERS):
            for family in (socket.AF_INET, socket.AF_INET6):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    self._answering.listen(name, open_socket(path_of(name), kind, family), 80)
        self._answering.start()


@contextmanager
def matrix_stage(*, nf_call: bool) -> Iterator[MatrixStage]:
    """One in a namespace of its own, for as many tests as want it."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        opened.enter_context(_host_namespace())
        stage = MatrixStage(folder, nf_call=nf_call)
        opened.callback(stage.close)
        yield stage


@contextmanager
def _host_namespace() -> Iterator[None]:
    ip("netns", "add", "matrix")
    try:
        ip("-n", "matrix", "link", "set", "lo", "up")
        with opened_netns("/run/netns/matrix") as fd, inside(fd):
            yield
    finally:
        for left in Path("/run/netns").iterdir():
            ip("netns", "del", left.name)


def wish(
    source: str, destination: str, transport: Transport, port: int = 0, version: int | None = None
) -> FlowWish:
    """What the command line makes of its words."""
    return FlowWish(
        source=source if source != OUT else f"netns:{path_of(OUT)}",
        destination=destination,
        transport=transport,
        port=None if transport is Transport.ICMP else port,
        version=version,
    )


def told(report: TraceReport) -> str:
    """The report, as far as a failing test needs it."""
    hops = (
        f"{h.n:2} {'<' if h.step.is_reply else '>'} {h.step.place.name} {h.step.place.ifname} "
        f"{type(h.step.detail).__name__} {h.seen} {h.differs} {[b.value for b in h.by]}"
        for h in report.hops
    )
    lines = [report.title, f"{report.verdict} agrees={report.agrees} {report.why_unknown}"]
    lines += [*hops, str(report.answer), *report.assumptions]
    drops = [h.step.drop for h in report.hops if h.step.drop is not None]
    lines += [f"foretold: {d.cause}: {d.sentence}: {d.evidence}" for d in drops]
    lines += [f"{w.name} {w.spoke} {w.why_not} lost {w.lost}" for w in report.witnesses]
    if report.cause is not None:
        cause = report.cause
        lines += [f"{cause.code} at hop {cause.hop}: {cause.sentence}", *cause.fix, cause.fix_note]
        lines += [f"  {f.what}: {f.says}" for f in cause.evidence]
    return "\n".join(lines)


def path_of(name: str) -> str:
    """Of its namespace; "" is the host."""
    return "" if name == HOST else f"/run/netns/{name}"


def netns(name: str) -> tuple[str, ...]:
    """Words that tell `ip` where."""
    return () if name == HOST else ("-n", name)


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


def batch(lines: str, name: str = HOST) -> None:
    """Run lines of `ip` in a namespace."""
    words = ["ip", *netns(name), "-batch", "-"]
    subprocess.run(words, input=lines, text=True, check=True, capture_output=True)
