"""The command line: words, tables, JSON, hints and exit codes, against an engine in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import click
import pytest
from msgspec.structs import replace
from tests.unit.api_server import serving
from tests.unit.engine_stand_in import EngineStandIn

from glassbridge import errors
from glassbridge.app import everybody
from glassbridge.app.cli import exits
from glassbridge.app.cli.main import COMMANDS, glassbridge, run_command_line
from glassbridge.app.cli.shown import Shown, ShownGroup
from glassbridge.model.network import GatewayMode, NetworkOptions, Subnet
from glassbridge.model.requests import AttachRequest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineStandIn]:
    monkeypatch.setenv("GLASSBRIDGE_RUN_DIR", str(tmp_path))
    monkeypatch.setattr(everybody, "is_other_engine_here", lambda: False)
    engine = EngineStandIn()
    with serving(engine, tmp_path / "glassbridge.sock"):
        yield engine


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY_COMMAND = dict(commands(glassbridge))


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_every_command_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = EVERY_COMMAND[name]
    assert isinstance(command, Shown | ShownGroup)
    assert any(f"glassbridge {name}" in line for line in command.example)
    assert run_command_line([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: glassbridge {name}")
    assert "Example" in shown


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("arguments", [[], ["network"]], ids=["nothing", "network"])
def test_saying_nothing_is_asking_for_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(arguments) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Usage: glassbridge")
    assert shown.err == ""


def test_run_attach_and_ps(engine: EngineStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "-d", "--name", "web", "-p", "8080:80", "--rootfs", "/", "nginx"]
    assert run_command_line(arguments) == 0
    assert capsys.readouterr().out == (
        "web  172.17.0.2  fd00::2  on bridge (gb0)  8080 -> 80/tcp\n"
    )
    assert run_command_line(["attach", "--netns", "/run/netns/blue", "--name", "blue"]) == 0
    capsys.readouterr()
    assert run_command_line(["ps"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "NAME"
    assert lines[1].split()[:6] == [
        "web", "bridge", "172.17.0.2", "02:42:ac:11:00:02", "veth0000002", "8080->80",
    ]  # fmt: skip
    assert lines[2].split() == ["fd00::2"]
    assert lines[3].startswith("blue")
    assert (
        len(
            {
                line.index(word)
                for line, word in zip(
                    lines, ("ADDRESS", "172.17.0.2", "fd00::2", "172.17.0.3"), strict=False
                )
            }
        )
        == 1
    )
    assert max(map(len, lines)) <= 100
    assert run_command_line(["ps", "--json"]) == 0
    assert [v["sandbox"]["name"] for v in json.loads(capsys.readouterr().out)] == ["web", "blue"]
    assert run_command_line(["ps", "-q"]) == 0
    assert capsys.readouterr().out == "web\nblue\n"
    assert run_command_line(["port", "web"]) == 0
    assert capsys.readouterr().out == "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n"
    assert run_command_line(["port", "web", "80"]) == 0
    assert capsys.readouterr().out == "0.0.0.0:8080\n[::]:8080\n"


def test_ports_of_a_range_are_in_order(
    engine: EngineStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    down = [arg for port in range(9012, 8998, -1) for arg in ("-p", f"{port}:{port}")]
    assert run_command_line(["run", "-d", "--name", "web", *down, "--rootfs", "/", "x"]) == 0
    capsys.readouterr()
    assert run_command_line(["port", "web"]) == 0
    inside = [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert list(dict.fromkeys(inside)) == [f"{port}/tcp" for port in range(8999, 9013)]


def test_a_routed_port_is_shown_at_the_container(
    engine: EngineStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """IPv4 is translated, IPv6 routed: there no port of the host leads to the container."""
    engine.routed = (6,)
    arguments = ["run", "-d", "--name", "web", "-p", "8080:80", "--rootfs", "/", "nginx"]
    assert run_command_line(arguments) == 0
    assert capsys.readouterr().out.endswith("8080 -> 80/tcp  [fd00::2]:80 -> 80/tcp\n")
    assert run_command_line(["port", "web"]) == 0
    assert capsys.readouterr().out == "80/tcp -> 0.0.0.0:8080\n80/tcp -> [fd00::2]:80\n"
    assert run_command_line(["ports"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["80/tcp", "fd00::2", "web", "80"],
        ["8080/tcp", "0.0.0.0", "web", "80"],
    ]
    assert run_command_line(["ps"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "8080->80" in shown[1]
    assert "[fd00::2]:80->80" in shown[2]


@pytest.mark.parametrize(
    "arguments",
    [["ps"], ["ports"], ["port", "web"], ["status"], ["network", "ls"],
     ["network", "inspect", "bridge"], ["inspect", "web"], ["version"]],
    ids=" ".join,
)  # fmt: skip
def test_every_reading_command_speaks_json(
    arguments: list[str], engine: EngineStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.submit_attach(AttachRequest(name="web"))
    assert run_command_line([*arguments, "--json"]) == 0
    json.loads(capsys.readouterr().out)


def test_network_commands(engine: EngineStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    engine.submit_attach(AttachRequest(name="web"))
    assert run_command_line(["network", "create", "backend", "--subnet", "10.9.0.0/24"]) == 0
    assert capsys.readouterr().out == "backend  10.9.0.0/24  on gb-bbbbbbbb\n"
    assert run_command_line(["network", "ls"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["bridge", "aaaaaaaaaaaa", "gb0", "172.17.0.0/16", "172.17.0.1", "1", "nat"]
    assert lines[2] == ["fd00::/64", "fd00::1"]
    assert run_command_line(["network", "connect", "bridge", "web"]) == 0
    assert capsys.readouterr().out == "web  eth0  172.17.0.2  fd00::2  on bridge (gb0)\n"
    assert run_command_line(["network", "rm", "backend"]) == 0
    assert run_command_line(["network", "rm", "backend"]) == 3


@pytest.mark.parametrize(
    ("flags", "families"),
    [
        ("", (True, False)),
        ("--ipv6", (True, True)),
        ("--ipv6=true", (True, True)),
        ("--ipv6=false", (True, False)),
        ("--ipv4=false --ipv6=1", (False, True)),
        ("--ipv4=true", (True, False)),
        ("--no-ipv4 --ipv6", (False, True)),
    ],
)
def test_a_flag_takes_a_value_as_in_docker(
    flags: str, families: tuple[bool, bool], engine: EngineStandIn
) -> None:
    assert run_command_line(["network", "create", *flags.split(), "backend", "--internal=0"]) == 0
    asked = engine.asked["backend"]
    assert (asked.ipv4, asked.ipv6) == families
    assert not asked.internal


def test_the_mode_of_a_network_is_that_of_its_families(
    engine: EngineStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    modes = NetworkOptions(gateway_mode6=GatewayMode.ROUTED)
    for name in ("both", "six"):
        assert run_command_line(["network", "create", name]) == 0
    both, six = (replace(n, options=modes) for n in engine.made.values() if n.name != "bridge")
    v6 = Subnet(prefix=ip_network("fd00:9::/64"))
    engine.made |= {"both": replace(both, ipv6=v6), "six": replace(six, ipv4=None, ipv6=v6)}
    capsys.readouterr()
    assert run_command_line(["network", "ls"]) == 0
    rows = {w[0]: w[-1] for w in map(str.split, capsys.readouterr().out.splitlines()) if w}
    assert (rows["six"], rows["both"]) == ("routed", "nat/routed")


def test_an_error_is_two_lines_and_a_code(
    engine: EngineStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["network", "rm", "ghost"]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: no such network: ghost\nhint:  glassbridge network ls\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequest("x"), 2),
        (errors.NotFound("x"), 3),
        (errors.Conflict("x"), 4),
        (errors.PoolExhausted("x"), 5),
        (errors.PermissionRefused("x"), 6),
        (errors.Unavailable("x"), 7),
        (errors.KernelRefused("x", 1), 8),
        (errors.Unsupported("x"), 9),
        (errors.GlassbridgeError("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_documented_code(
    error: errors.GlassbridgeError, code: int, engine: EngineStandIn
) -> None:
    engine.fault = error
    assert run_command_line(["ps"]) == code
    assert code in dict(exits.EXIT_CODES)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("frobnicate", 2, "no command 'frobnicate'"),
        ("netwrok ls", 2, "did you mean network"),
        ("ps --wide", 2, "--wide"),
        ("run -d nginx", 9, "images are not supported"),
        ("run -d --rootfs /", 2, "no command given"),
        ("run -d --rootfs / --restart always x", 9, "--restart is not supported"),
        ("run -d --rootfs / -m 1g x", 9, "--memory is not supported"),
        ("run -d --rootfs / --cpus=2 x", 9, "--cpus is not supported"),
        ("run -d --rootfs / -P x", 9, "--publish-all is not supported"),
        ("run -dit --rootfs / x", 9, "terminal"),
        ("run -d --rootfs / -v data:/data x", 9, "named volumes"),
        ("run -d --rootfs / -v /nowhere/at/all:/data x", 3, "/nowhere/at/all does not exist"),
        ("run -d --rootfs / -p 0:80 x", 2, "bad host port 0"),
        ("run -d --rootfs / -p 70000:80 x", 2, "bad host port 70000"),
        ("run -d --rootfs / -p [::1]:80:80 x", 2, "::1"),
        ("run -d --rootfs / --dns nowhere x", 2, "--dns 'nowhere'"),
        ("run -d --rootfs / --network-alias a..b x", 2, "bad alias 'a..b'"),
        ("run -d --rootfs / --network name=n,alias=\u00fc x", 2, "bad alias"),
        ("network connect bridge web --alias .a", 2, "bad alias '.a'"),
        ("run -d --rootfs / --dns-search a..b x", 2, "--dns-search 'a..b' is no domain"),
        ("run -d --rootfs / --dns-search . --dns-search a x", 2, "--dns-search '.'"),
        ("attach --pid 1 --dns-opt ndots:1", 9, "--dns-opt is not supported"),
        ("run -d --rootfs / --mac-address 1:2 x", 2, "bad MAC address"),
        ("run -d --rootfs / --network host --ip 10.0.0.1 x", 2, "--network host stands alone"),
        ("run -d --rootfs / --network name=a,speed=9 x", 2, "unknown key 'speed'"),
        ("run -d --rootfs / --cap-add SYS_ADMNI x", 2, "CAP_SYS_ADMIN"),
        ("run -d --rootfs / --env-file /nowhere x", 3, "/nowhere"),
        ("attach", 2, "a process or a namespace"),
        ("attach --pid 1 --netns /x", 2, "a process or a namespace"),
        ("attach --pid 0", 2, "--pid"),
        ("network create x -d overlay", 9, "network driver 'overlay'"),
        ("network create x --gateway 10.0.0.1", 2, "belongs to no --subnet"),
        ("network create x --subnet 10.0.0.0/24 --subnet 10.0.1.0/24", 2, "one of IPv4"),
        ("network create x --attachable", 9, "--attachable"),
        ("network create x --ipv4=maybe", 2, "--ipv4=maybe: true or false"),
        ("network create -- --ipv6=true x", 2, "unexpected extra argument"),
        ("network create x -o mtu", 2, "--opt 'mtu' is not KEY=VALUE"),
        ("network connect bridge web --gw-priority high", 2, "'high'"),
        ("exec -d web sh", 9, "--detach is not supported"),
        ("inspect a/b", 3, "a/b"),
        ("logs -n few web", 2, "'few'"),
        ("completion tcsh", 2, "tcsh"),
        ("stack pid:x", 2, "'x' is not a process number"),
        ("stack pid:4194305", 3, "process 4194305 does not exist"),
        ("stack ghost", 3, "ghost"),
        ("bridge nobr0", 3, "nobr0"),
        ("bridge lo", 3, "not a bridge"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_changes_nothing(
    arguments: str, code: int, words: str, engine: EngineStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments.startswith("logs"):
        run_command_line(["run", "-d", "--name", "web", "--rootfs", "/", "sh"])
    before = dict(engine.views)
    capsys.readouterr()
    assert run_command_line(arguments.split()) == code
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert len(shown.splitlines()) <= 2
    assert words in shown
    assert engine.views == before
    assert list(engine.made) == ["bridge"]


def test_status_starts_no_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLASSBRIDGE_RUN_DIR", str(tmp_path))
    assert run_command_line(["status"]) == 7
    assert "no daemon is running here" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["completion", shell]) == 0
    assert "_GLASSBRIDGE_COMPLETE" in capsys.readouterr().out


def test_names_complete_from_the_daemon(engine: EngineStandIn) -> None:
    engine.submit_attach(AttachRequest(name="nginx-1"))
    words = "glassbridge stack ngi"
    completed = subprocess.run(
        [sys.executable, "-m", "glassbridge"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COMP_WORDS": words,
             "COMP_CWORD": "2", "_GLASSBRIDGE_COMPLETE": "bash_complete"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert completed.stdout == "plain,nginx-1\n"


def test_no_heavy_import_on_the_way_to_ps(engine: EngineStandIn) -> None:
    """What `ps` may take is 150 ms in all."""
    code = (
        "import sys; from glassbridge.app.cli.main import run_command_line as r; r(['ps']); "
        "heavy = {'rich', 'asyncio', 'uvicorn', 'starlette', 'http.client', 'sqlite3', 'subprocess'"
        ", 'ctypes', 'logging'}; print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


def test_help_loads_no_vocabulary() -> None:
    """Only click and the errors: half of a small command's time would go into the rest."""
    code = (
        "import sys; from glassbridge.app.cli.main import run_command_line as r; r(['--help']); "
        "print(sorted(m for m in sys.modules if m == 'msgspec' "
        "or m.startswith('glassbridge.') and not m.startswith('glassbridge.app')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "['glassbridge.errors']\n"


def test_the_reference_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "cli_page.py", "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run: make docs\n{checked.stdout}{checked.stderr}"


@pytest.mark.parametrize(("arguments", "code"), [("version", 7), ("topology --help", 7)])
def test_a_full_disk_is_told_in_one_line(arguments: str, code: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glassbridge", *arguments.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == "error: the output cannot be written: No space left on device\n"
    assert done.returncode == code


def test_a_full_disk_is_no_answer_of_trace() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glassbridge", "trace", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr.count("\n") == 1
    assert done.returncode == exits.REQUEST_FAILED


_LOOKS_AT_STDOUT = """
import sys
from glassbridge import __main__
from glassbridge.app.cli import columns
__main__._open_closed_streams()
print(columns.cut_mark(), sys.stdout.fileno(), file=sys.stderr)
"""


def test_a_closed_output_is_written_into_nothing() -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", _LOOKS_AT_STDOUT]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.split()[1:] == ["1"]


_INTERRUPTED_WHILE_LOADING = """
import sys
from glassbridge.__main__ import main
class Interrupting:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
main()
"""


def test_an_interrupt_while_loading_says_nothing() -> None:
    command = [sys.executable, "-c", _INTERRUPTED_WHILE_LOADING]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (exits.INTERRUPTED, "")
