"""A trace leaves nothing behind, however it ends; what it cannot do it says in plain words."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cli.program import Glassbridge
from tests.netns.walk.generated_host import Flow
from tests.netns.walk.prediction_stage import B6, HOST, PORT, B, C, Stage
from tests.netns.walk.test_generated import ask

from glassbridge.model.packet import Transport
from glassbridge.model.report import Verdict

NOBODY = "10.77.0.99"
A_PATH, B_PATH = "netns:/run/netns/a", "netns:/run/netns/b"
CHANGING = ("nf_conntrack_count", "route.flush", "stable_secret", "fib_info_entries")


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    made.listen("b")
    while not all(k["operstate"] == "UP" for k in links_of(made) if k["ifname"] != "lo"):
        time.sleep(0.01)  # the kernel tells a link's state a little later than it sets it
    yield made
    made.close()


@pytest.fixture
def gb(tmp_path: Path) -> Glassbridge:
    return Glassbridge(tmp_path)


def look(stage: Stage) -> dict[str, list[str]]:
    """Links with their flags and promiscuity, rules, sysctls, and who listens to packets."""
    seen: dict[str, list[str]] = {}
    for name in (HOST, "a", "b", "c", "d"):
        links = links_of(stage, name)
        for link in links:
            without_timers(link)
        sysctls = stage.run(r"sysctl -a --pattern '^net\.'", name).splitlines()
        seen |= {
            f"links of {name}": json.dumps(links, indent=1).splitlines(),
            f"rules of {name}": stage.run("nft list ruleset", name).splitlines(),
            f"sysctls of {name}": [s for s in sysctls if not any(w in s for w in CHANGING)],
            f"taps of {name}": [str(taps(stage, name))],
        }
    return seen


def links_of(stage: Stage, name: str = HOST) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stage.run("ip -d -j link", name))
    return found


def changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """Lines that came or went."""
    return {
        k: list(unified_diff(before[k], after[k], lineterm="", n=2))
        for k in before
        if before[k] != after[k]
    }


def without_timers(link: dict[str, Any]) -> None:
    """They count on their own."""
    for kind in ("info_data", "info_slave_data"):
        data = link.get("linkinfo", {}).get(kind, {})
        for key in [k for k in data if k.endswith("_timer")]:
            del data[key]


def taps(stage: Stage, name: str) -> int:
    """Packet sockets of a namespace."""
    return len(stage.run("cat /proc/net/packet", name).splitlines()) - 1


def in_the_middle(process: subprocess.Popen[str], listens: Callable[[], object]) -> None:
    """Wait until its taps are open."""
    end = time.monotonic() + 20
    while not listens():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it never began to listen"
        time.sleep(0.01)


def settled(stage: Stage) -> dict[str, list[str]]:
    """What it is like when all of a dead process is gone: the kernel clears its sockets soon."""
    end = time.monotonic() + 30
    while sum(taps(stage, name) for name in (HOST, "a", "b", "c", "d")):
        assert time.monotonic() < end, "packet sockets are left"
        time.sleep(0.01)
    return look(stage)


@pytest.mark.parametrize(
    "words",
    [
        (B,),
        (f"{B}:{PORT}", "--tree"),
        (f"{B}:{PORT}", "--count", "3"),
        (f"{B}:53", "--proto", "udp", "--json"),
        (NOBODY,),
        (f"[{B6}]:{PORT}",),
        (f"{B}:{PORT}", "--no-probe"),
        (f"{B}:{PORT}", "--live", "--timeout", "0.3"),
    ],
    ids=" ".join,
)
def test_everything_is_as_before(stage: Stage, gb: Glassbridge, words: tuple[str, ...]) -> None:
    stage.run("nft 'table inet fw { chain forward { type filter hook forward priority 0; }; }'")
    before = look(stage)
    done = gb.run("trace", A_PATH, *words)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "Traceback" not in done.stderr
    assert changes(before, settled(stage)) == {}


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, None), (signal.SIGKILL, None)],
    ids=["Ctrl-C", "SIGTERM", "SIGKILL"],
)
@pytest.mark.parametrize("words", [(NOBODY,), (f"{B}:{PORT}", "--live")], ids=["probe", "live"])
def test_the_same_when_it_is_ended(
    stage: Stage, gb: Glassbridge, words: tuple[str, ...], number: int, code: int | None
) -> None:
    stage.run("nft 'table inet fw { chain forward { type filter hook forward priority 0; }; }'")
    before = look(stage)
    process = gb.start("trace", A_PATH, *words, stdin=subprocess.DEVNULL)
    in_the_middle(process, lambda: taps(stage, "a"))
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == (-number if code is None else code)
    assert "Traceback" not in err
    assert changes(before, settled(stage)) == {}


def test_no_descriptor_and_no_thread_is_left(stage: Stage) -> None:
    """The fixture's own check, after a trace that arrives, one that does not, one refused."""
    for to, transport, port in (
        (B, Transport.TCP, PORT),
        (NOBODY, Transport.ICMP, 0),
        (B, Transport.UDP, 53),
        ("203.0.113.1", Transport.ICMP, 0),
    ):
        ask(Flow("a", to, transport, port, 0, 64))
    del stage


def test_the_sender_is_gone_in_the_middle(stage: Stage, gb: Glassbridge) -> None:
    """Its process ends while its packet waits for a neighbour."""
    with subprocess.Popen(["unshare", "-n", "sleep", "60"]) as sleeper:
        wait_for_namespace(sleeper.pid)
        for command in (
            f"ip link add to-x type veth peer name eth0 netns {sleeper.pid}",
            "ip link set to-x master br0 up",
            f"nsenter -t {sleeper.pid} -n ip addr add 10.77.0.9/24 dev eth0",
            f"nsenter -t {sleeper.pid} -n ip link set eth0 up",
        ):
            stage.run(command)
        process = gb.start("trace", f"pid:{sleeper.pid}", NOBODY, stdin=subprocess.DEVNULL)
        try:
            tapped = f"nsenter -t {sleeper.pid} -n cat /proc/net/packet"
            in_the_middle(process, lambda: len(stage.run(tapped).splitlines()) > 1)
        finally:
            sleeper.kill()
    out, err = process.communicate(timeout=20)
    assert process.returncode in {1, 2, 3, 4}, out + err
    assert "Traceback" not in err
    assert "to-x" not in str(settled(stage)["links of host"])


def wait_for_namespace(pid: int) -> None:
    own = Path("/proc/thread-self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("source", "to", "says"),
    [
        (A_PATH, "no-such-box", "no-such-box"),
        ("no-such-box", B, "no-such-box"),
        ("pid:4194303", B, "4194303"),
        (A_PATH, "pid:4194303:80", "4194303"),
        ("netns:/run/netns/nope", B, "/run/netns/nope"),
        ("netns:/etc/passwd", B, "/etc/passwd"),
        (A_PATH, A_PATH, "both source and destination"),
        (A_PATH, f"{B}:99999", "99999"),
        (A_PATH, "300.1.1.1", "300.1.1.1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    stage: Stage, gb: Glassbridge, source: str, to: str, says: str
) -> None:
    before = look(stage)
    assert says in gb.refused(4, "trace", source, to)
    assert changes(before, look(stage)) == {}


def test_without_any_permission(stage: Stage, gb: Glassbridge) -> None:
    before = look(stage)
    for without in (
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
        ["unshare", "-U"],
    ):
        done = subprocess.run(
            [*without, *gb.command("trace", A_PATH, B)],
            env=gb.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 4, done.stdout + done.stderr
        assert done.stderr.startswith("error: "), done.stderr
        assert "Traceback" not in done.stderr
    assert changes(before, look(stage)) == {}


def test_without_ipv6(stage: Stage, gb: Glassbridge) -> None:
    for name in (HOST, "a", "b", "c", "d"):
        stage.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1", name)
    assert gb.json("trace", A_PATH, f"{B}:{PORT}")["verdict"] == Verdict.DELIVERED
    assert "IPv6" in gb.refused(4, "trace", "-6", A_PATH, B_PATH)
    dropped = gb.run("trace", A_PATH, B6, "--json")
    assert dropped.returncode == 1
    assert json.loads(dropped.stdout)["cause"]["code"] == "IPV6_ABSENT"


def test_without_btf(stage: Stage, gb: Glassbridge) -> None:
    """As a kernel that describes no types: the tracepoints are silent and say why."""
    words = " ".join(gb.command("trace", A_PATH, f"{B}:{PORT}", "--json"))
    script = f"mount --bind /dev/null /sys/kernel/btf/vmlinux && exec {words}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env=gb.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == Verdict.DELIVERED
    assert report["agree"] is True
    (tracepoints,) = (w for w in report["witnesses"] if w["name"] == "tracepoints")
    assert not tracepoints["spoke"]
    assert tracepoints["why_not"]
    assert stage.connects("a", B)


def test_no_frame_is_forged(stage: Stage, gb: Glassbridge) -> None:
    """What the kernel does not let it send is not sent otherwise."""
    report = json.loads(gb.run("trace", A_PATH, f"{B}:{PORT}", "-I", C, "--json").stdout)
    assert report["verdict"] != Verdict.DELIVERED
    assert not [h for h in report["hops"] if "taps" in (h.get("by") or ())]
    assert stage.connects("a", B)
