"""`glassbridge demo`: prepares files for two containers, and plays the story in a lab."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glassbridge.app.demo_stage import Stage, environment_for_tools, say
from glassbridge.app.demo_story import BACKEND, DROPPED, FIRST, SECOND, THIRD, Story
from glassbridge.app.lab import run_lab
from glassbridge.app.service import connect_if_running
from glassbridge.errors import Conflict, GlassbridgeError, PermissionRefused, Unavailable
from glassbridge.model.views import SandboxView

_TOOLS = {"ip": "iproute2", "brctl": "bridge-utils", "ifconfig": "net-tools", "curl": "curl"}
_SCRIPT = "demo-rootfs.sh"
RECORDING = Path(__file__).with_name("story.json.gz")
"""The story's network, written by scripts/story_snapshot.py."""
_PAUSE_SECONDS = 3.0
"""Between scenes, where somebody watches: twenty seconds in all."""

_TRY_NEXT = """\
    glassbridge lab                             your own world like this one, without root
    glassbridge run -it --rm --rootfs / bash    in there: a shell with a network stack of its own
    glassbridge stack host                      the same look at any stack: pid:N, netns:PATH"""


def run_demo(on_host: bool) -> int:
    """Play the story in a lab, or as root on the host; returns the exit code.

    On the host it leaves nothing behind. Raises whatever keeps it from starting; a fact that
    differs is told, and returns 1.
    """
    environment = environment_for_tools(os.environ)
    for tool, package in _TOOLS.items():
        if shutil.which(tool, path=environment["PATH"]) is None:
            raise Unavailable(f"the demo needs {tool}", hint=f"apt install {package}")
    rootfs = _rootfs()
    if not on_host:
        try:
            # a process of its own: the lab takes only what has no threads and few imports
            return run_lab([sys.executable, "-P", "-m", __name__, rootfs])
        except PermissionRefused as refused:
            _show_recorded(refused, Stage(environment, 0))
            raise
    if os.geteuid() != 0:
        raise PermissionRefused("the demo on the host needs root", hint="glassbridge demo")
    with _cleaned_up(Stage(environment, 0)):
        return play(rootfs, "on this host: removed at the end")


def play(rootfs: str, where: str) -> int:
    """Play the story here; returns 0, or raises what differs."""
    pause = _PAUSE_SECONDS if sys.stdout.isatty() else 0
    say(f"Two containers get their network stacks and talk, {where}.", bold=True)
    Story(Stage(environment_for_tools(os.environ), pause), rootfs).play()
    say("\nTry next", bold=True)
    say(_TRY_NEXT)
    return 0


def play_in_lab(rootfs: str) -> int:
    """Play the story in the lab that this process is in; returns the exit code."""
    try:
        return play(rootfs, "in a lab: nothing on this host changes")
    except GlassbridgeError as error:
        sys.stderr.write(f"error: {error.message}\nhint:  {error.hint}\n")
        return 1


def _show_recorded(refused: PermissionRefused, stage: Stage) -> None:
    """The end of the story from a file: no proof of anything here, and said so."""
    say(f"Here the story cannot be played: {refused.message}.", bold=True)
    say("Below is its walk as it was RECORDED on another machine; nothing is checked on this one.")
    for target in (SECOND, THIRD):
        exit_code = 0 if target == SECOND else DROPPED
        stage.show(f"glassbridge trace {FIRST} {target}:80 --state {RECORDING}", exit_code)
    say("")


@contextmanager
def _cleaned_up(stage: Stage) -> Iterator[None]:
    """Whatever the story has made goes; a daemon that ran before goes on."""
    daemon = connect_if_running()
    if daemon is not None:
        with daemon:
            used = daemon.get("/v1/sandboxes", tuple[SandboxView, ...])
        if used:
            raise Conflict(
                f"glassbridge is in use on this host: {', '.join(v.sandbox.name for v in used)}",
                hint="glassbridge demo, which plays in a lab",
            )
    try:
        yield
    finally:
        for name in (FIRST, SECOND, THIRD):
            stage.ask(f"glassbridge rm -f {name} >/dev/null 2>&1 || :")
        stage.ask(f"glassbridge network rm {BACKEND} >/dev/null 2>&1 || :")
        if daemon is None:
            say(f"\n{stage.ask('glassbridge down')}".rstrip())


def _rootfs() -> str:
    """The containers' files: unpacked once from the distribution's packages."""
    project = Path(__file__).parents[3]
    script = project / "scripts" / _SCRIPT
    folder = project / ".cache" / "demo-rootfs"
    if not script.exists():  # installed from a wheel, which carries the script along
        script = Path(__file__).with_name(_SCRIPT)
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(caches) / "glassbridge" / "demo-rootfs"
    done = subprocess.run(
        ["sh", str(script), str(folder)], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(
            f"cannot prepare the containers' files: {done.stderr.strip()}",
            hint="the demo fetches nginx once, from the distribution's mirror",
        )
    return str(folder.relative_to(Path.cwd()) if Path.cwd() in folder.parents else folder)


if __name__ == "__main__":
    sys.exit(play_in_lab(sys.argv[1]))
