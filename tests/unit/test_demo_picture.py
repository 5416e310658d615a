"""The demo's picture shows what was recorded, and keeps its columns in any font."""

from xml.etree import ElementTree as ET

import pytest
from scripts.demo_picture import CHARACTER_WIDTH, MARGIN, Run, choose, draw, read_lines

RECORDING = (
    "\x1b[1mTwo containers talk.\x1b[0m\r\n\r\n"
    "\x1b[1m1   A bridge.\x1b[0m\r\n\r\n"
    "    \x1b[36m$ brctl show\x1b[0m\r\n"
    "    gb0             <none>\r\n\r\n"
    "\x1b[1m2   A container.\x1b[0m\r\n"
    "    \x1b[32m=> It has an address.\x1b[0m\r\n\r\n"
    "\x1b[1mTry next\x1b[0m\r\n    more\r\n"
)


def texts(scenes: tuple[int, ...]) -> list[str]:
    return [
        "".join(run.text for run in line) for line in choose(list(read_lines(RECORDING)), scenes)
    ]


@pytest.mark.parametrize(
    ("scenes", "shown"),
    [
        ((1,), ["1   A bridge.", "", "    $ brctl show", "    gb0             <none>"]),
        ((2,), ["2   A container.", "    => It has an address."]),
        ((3,), []),
    ],
)
def test_only_the_chosen_scenes_are_shown(scenes: tuple[int, ...], shown: list[str]) -> None:
    assert texts(scenes) == shown


def test_styles_are_read_and_end() -> None:
    (line,) = read_lines("    \x1b[36m$ ls\x1b[0m rest")
    assert line == (Run("plain", "    "), Run("typed", "$ ls"), Run("plain", " rest"))


def test_words_behind_a_gap_have_a_place_of_their_own() -> None:
    picture = ET.fromstring(draw(choose(list(read_lines(RECORDING)), (1,)), "a <title>"))
    found = {e.text: e.get("x") for e in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert found["<none>"] == f"{MARGIN + 20 * CHARACTER_WIDTH:.1f}"
    assert found["gb0"] == found["$ brctl show"] == f"{MARGIN + 4 * CHARACTER_WIDTH:.1f}"
    assert "a <title>" in found
