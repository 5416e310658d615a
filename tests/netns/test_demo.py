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
