"""Play the demo in a terminal, and draw scenes of it as docs/demo.svg.

    scripts/demo_picture.py [SCENE...]                play `glassbridge demo` now (20 seconds)
    scripts/demo_picture.py [SCENE...] < recording    draw what `script` or the like has recorded

The picture brings its own background and names no font of its own, so it reads the same on a light
page and on a dark one.
"""

import errno
import fcntl
import html
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PICTURE = Path(__file__).parent.parent / "docs" / "demo.svg"
TELLING_SCENES = (4, 5)
COLUMNS, ROWS = 100, 50

FONT_SIZE, LINE_HEIGHT, MARGIN, TITLE_BAR = 14, 19, 20, 46
CHARACTER_WIDTH = 0.6 * FONT_SIZE
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

STYLES = {"": "plain", "1": "said", "36": "typed", "32": "fact"}
"""What the demo's narrator uses of SGR (ECMA-48), and what it means by it."""

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">
<title>{title}</title>
<style>
text {{ font: {size}px {fonts}; fill: #cdd3dc }}
.said {{ fill: #ffffff; font-weight: bold }}
.typed {{ fill: #6cb6ff }}
.fact {{ fill: #85d996 }}
.title {{ fill: #8b949e }}
</style>
<rect x="0.5" y="0.5" width="{inner_width:.0f}" height="{inner_height}" rx="9" fill="#161a20"
 stroke="#3d444d"/>
<path d="M0.5 38.5H{inner_width:.0f}" stroke="#3d444d"/>
<text class="title" x="{margin}" y="25">{title}</text>
"""


class Run(NamedTuple):
    """Characters of one line that share a style."""

    style: str
    text: str


Line = tuple[Run, ...]


def play() -> str:
    """Run the demo in a pseudo-terminal; what it wrote, control sequences included."""
    program = Path(sys.executable).with_name("glassbridge")
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"}
    with subprocess.Popen([program, "demo"], stdin=its, stdout=its, env=environment) as demo:
        os.close(its)
        said = b"".join(_chunks(ours))
    os.close(ours)
    if demo.returncode:
        sys.exit(f"the demo failed with exit code {demo.returncode}:\n{said.decode()}")
    return said.decode()


def _chunks(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 1 << 16)
        except OSError as error:
            if error.errno == errno.EIO:  # how Linux says that nobody has the other end open
                return
            raise
        if not chunk:
            return
        yield chunk


def read_lines(recorded: str) -> Iterator[Line]:
    """What a terminal would show, line by line."""
    style = "plain"
    for text in recorded.splitlines():
        runs = []
        for piece in re.split(r"(\x1b\[[0-9;]*m)", text):
            if piece.startswith("\x1b"):
                style = STYLES["" if piece == "\x1b[0m" else piece[2:-1]]
            elif piece:
                runs.append(Run(style, piece))
        yield tuple(runs)


def choose(lines: Sequence[Line], scenes: Sequence[int]) -> list[Line]:
    """The lines of some scenes, each of which opens with its number in bold."""
    chosen: list[Line] = []
    scene = 0
    for line in lines:
        opening = re.match(r"(\d+) {3}", line[0].text) if line else None
        if opening is not None and line[0].style == "said":
            scene = int(opening[1])
        elif line and line[0].style == "said" and not line[0].text.startswith(" "):
            scene = 0  # "Try next"
        if scene in scenes:
            chosen.append(line)
    while chosen and not chosen[-1]:
        chosen.pop()
    return chosen


def draw(lines: Sequence[Line], title: str) -> str:
    """The picture."""
    columns = max(sum(len(run.text) for run in line) for line in lines)
    width = columns * CHARACTER_WIDTH + 2 * MARGIN
    height = TITLE_BAR + len(lines) * LINE_HEIGHT + MARGIN
    head = HEAD.format(
        width=width,
        height=height,
        inner_width=width - 1,
        inner_height=height - 1,
        margin=MARGIN,
        size=FONT_SIZE,
        fonts=FONTS,
        title=html.escape(title),
    )
    rows = (
        element
        for number, line in enumerate(lines, start=1)
        for element in _row(line, TITLE_BAR + number * LINE_HEIGHT - 5)
    )
    return "\n".join([head.rstrip("\n"), *rows, "</svg>", ""])


def _row(line: Line, y: int) -> Iterator[str]:
    """Words between wide gaps have their place written down: columns align in any font."""
    column = 0
    for run in line:
        for words in re.finditer(r"\S+(?: \S+)*", run.text):
            x = MARGIN + (column + words.start()) * CHARACTER_WIDTH
            length = len(words[0]) * CHARACTER_WIDTH
            yield (
                f'<text class="{run.style}" x="{x:.1f}" y="{y}" textLength="{length:.1f}">'
                f"{html.escape(words[0])}</text>"
            )
        column += len(run.text)


def main() -> None:
    """Draw the scenes that the command line names."""
    scenes = tuple(map(int, sys.argv[1:])) or TELLING_SCENES
    recorded = play() if sys.stdin.isatty() or not (given := sys.stdin.read()) else given
    lines = choose(list(read_lines(recorded)), scenes)
    if not lines:
        sys.exit(f"no scene {' or '.join(map(str, scenes))} in the recording")
    named = " and ".join(map(str, scenes))
    PICTURE.write_text(draw(lines, f"glassbridge demo: scenes {named} of 6"))
    print(f"wrote {PICTURE.name}: {len(lines)} lines of scenes {named}")


if __name__ == "__main__":
    main()
