"""The demo plays to its end, in a lab and on a host, and leaves a host as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glassbridge.app.demo_stage import Stage, StoryError, environment_for_tools

PROJECT = Path(__file__).parents[2]
ROOTFS = PROJECT / ".cache" / "demo-rootfs"
needs_files = pytest.mark.skipif(
    not (ROOTFS / ".complete").exists(),
    reason="run first: scripts/demo-rootfs.sh .cache/demo-rootfs",
)
FACTS = (
    "=> gb0 has 172.17.0.1/16, and nothing is plugged into it yet.",
    "172.17.0.0/16 is reached directly through eth0",
    "=> Inside there are eth0, with 172.17.0.2, and lo",
    "is a port of gb0, and has no address",
    "are the two ends of one cable",
    "=> nginx-2 has 172.17.0.3, and its cable is veth",
    "=> Before: nginx-1 has no MAC for 172.17.0.3.",
    "=> After: 172.17.0.3 is 02:42:ac:11:00:03",
    "=> Both got nginx's page",
    "=> Every step was seen as predicted",
    "=> One cause, its proof, and the command that mends it.",
    "=> nginx-1 has a second cable now",
    "Try next",
)


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "src"),
        "GLASSBRIDGE_STATE_DIR": "/run/glassbridge/state",
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "glassbridge", "demo", *options],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def look_around() -> list[str]:
    commands = (
        ("ip", "-brief", "address"),
        ("ip", "netns"),
        ("nft", "list", "ruleset"),
        ("sysctl", "-a", "-r", r"^net\.ipv4\.(conf|ip_forward)"),
    )
    return [subprocess.check_output(command, text=True) for command in commands]


@needs_files
def test_in_a_lab_it_tells_every_fact_and_changes_nothing(fresh_host: None) -> None:
    before = look_around()
    told = demo()
    assert told.stderr == ""
    assert told.returncode == 0
    assert [fact for fact in FACTS if fact not in told.stdout] == []
    assert max(map(len, told.stdout.splitlines())) <= 100
    assert look_around() == before


@needs_files
def test_on_the_host_it_cleans_up(fresh_host: None) -> None:
    before = look_around()
    told = demo("--on-host")
    assert told.stderr == ""
    assert told.returncode == 0
    assert [fact for fact in FACTS if fact not in told.stdout] == []
    assert look_around() == before


@needs_files
def test_where_there_can_be_no_lab_it_says_why_and_shows_the_recording() -> None:
    """In a user namespace that may have no further namespaces."""
    refuse = "for kind in user net; do echo 0 >/proc/sys/user/max_${kind}_namespaces; done"
    program = f"{refuse}; {sys.executable} -P -m glassbridge demo"
    told = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", program],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 6, "nobody may take it for a demo that was played"
    assert "user.max_user_namespaces is 0" in told.stderr
    assert "RECORDED on another machine" in told.stdout
    assert "from a recording, not from this host" in told.stdout
    assert "nginx-1 172.17.0.2 -> nginx-2 172.17.0.3:80/tcp      DELIVERED" in told.stdout
    assert "fix     glassbridge network connect backend nginx-1" in told.stdout


def test_a_fact_that_differs_stops_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(environment_for_tools(os.environ), 0)
    with pytest.raises(StoryError, match="the demo says: water is dry") as told:
        stage.notice("water is dry", holds=False, found="wet")
    assert told.value.hint == "but the kernel says: wet"
    assert capsys.readouterr().out == ""


def test_a_command_that_fails_stops_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(environment_for_tools(os.environ), 0)
    with pytest.raises(StoryError, match="exit code 3: echo why >&2; exit 3") as told:
        stage.show("echo why >&2; exit 3")
    assert told.value.hint == "why"


def test_output_is_shown_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(environment_for_tools(os.environ), 0)
    assert stage.show("printf 'a\\tb\\n  c\\n'") == "a\tb\n  c\n"
    assert capsys.readouterr().out == "\n    $ printf 'a\\tb\\n  c\\n'\n    a       b\n      c\n"
