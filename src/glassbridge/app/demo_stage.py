"""Tells a story of real commands: what and why, the command, its own output, a fact to notice."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from typing import Any

import click

from glassbridge.errors import GlassbridgeError

_WIDTH, _SCREEN = 92, 100
_INDENT = "    "
_ARROW, _SPACE = "=> ", "   "
_SECONDS = 60
_GLASSBRIDGE = 'glassbridge() { "$GLASSBRIDGE_PYTHON" -P -m glassbridge "$@"; }; '
"""So that the story plays from a checkout, too, where the command is on nobody's PATH."""


class StoryError(GlassbridgeError):
    """The kernel does not say what the story says."""


class Stage:
    """Prints as it goes; pauses between scenes where somebody watches."""

    def __init__(self, environment: Mapping[str, str], pause: float) -> None:
        self._environment = {**environment, "GLASSBRIDGE_PYTHON": sys.executable}
        self._pause = pause
        self._scene = 0

    def open_scene(self, text: str) -> None:
        """Say in a line or two what comes, and why."""
        if self._scene:
            time.sleep(self._pause)
        self._scene += 1
        lines = textwrap.wrap(text, _WIDTH)
        say(f"\n{self._scene}   {lines[0]}", bold=True)
        for line in lines[1:]:
            say(f"{_INDENT}{line}", bold=True)

    def show(self, command: str, exit_code: int = 0) -> str:
        """Run a command as a person would type it; its output is shown and returned."""
        say(f"\n{_INDENT}$ {command}", fg="cyan")
        output = self.ask(command, exit_code)
        lines = output.expandtabs().rstrip().splitlines() or ["(prints nothing)"]
        indent = _INDENT if max(map(len, lines)) <= _SCREEN - len(_INDENT) else ""
        for line in lines:
            say(f"{indent}{line}".rstrip())
        return output

    def ask(self, command: str, exit_code: int = 0) -> str:
        """Run a command behind the scene; raises StoryError if it ends otherwise."""
        done = subprocess.run(
            ["sh", "-c", _GLASSBRIDGE + command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != exit_code:
            raise StoryError(
                f"the demo's command failed with exit code {done.returncode}: {command}",
                hint=done.stderr.strip(),
            )
        return done.stdout

    def notice(self, text: str, *, holds: bool, found: object) -> None:
        """Point at a fact, once it is proven; raises StoryError otherwise."""
        self.require(text, holds=holds, found=found)
        lines = textwrap.wrap(text, _WIDTH - len(_ARROW))
        say(f"\n{_INDENT}{_ARROW}{lines[0]}", fg="green")
        for line in lines[1:]:
            say(f"{_INDENT}{_SPACE}{line}", fg="green")

    def require(self, text: str, *, holds: bool, found: object) -> None:
        """Prove what is too plain to point at; raises StoryError."""
        if not holds:
            raise StoryError(f"the demo says: {text}", hint=f"but the kernel says: {found}")


def environment_for_tools(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, in English and with an administrator's folders: the output is read by a program."""
    path = ours.get("PATH", os.defpath)
    return {**ours, "LC_ALL": "C", "PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin"}


def say(text: str, **style: Any) -> None:  # noqa: ANN401 - click's names
    """Write a line; styled on a terminal only, and not against the user's wish (no-color.org)."""
    click.echo(click.style(text, **style), color=False if os.environ.get("NO_COLOR") else None)
