"""docs/walk.md: every cause has its section, and the outputs are those of the screen."""

import re
from pathlib import Path

import pytest
from tests.unit.walk.reports import delivered, dropped_by_us

from glassbridge.app.cli.walk_rows import LEGEND
from glassbridge.app.cli.walk_screen import walk_screen
from glassbridge.app.pictures.walk import walk_svg
from glassbridge.model.cause import Cause
from glassbridge.model.report import TraceReport

PAGE = (Path(__file__).parents[3] / "docs" / "walk.md").read_text()
PICTURE = Path(__file__).parents[3] / "docs" / "walk.svg"
SECTIONS = dict(re.findall(r"^#### (\w+)\n\n(.*?)(?=\n#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_cause_has_its_section_and_no_other_has() -> None:
    assert set(SECTIONS) == set(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_is_explained_and_mended(cause: Cause) -> None:
    meaning, mark, mending = SECTIONS[cause].partition("*Mend:* ")
    assert mark
    assert meaning.strip().endswith((".", "`."))
    assert mending.strip().endswith((".", "`."))


@pytest.mark.parametrize("report", [delivered(), dropped_by_us()], ids=lambda r: r.verdict)
def test_the_outputs_are_the_screen_s_own(report: TraceReport) -> None:
    assert f"\n{walk_screen(report)}\n```\n" in PAGE


def test_the_picture_is_of_the_page_s_own_walk() -> None:
    """scripts/walk_picture.py writes it."""
    assert PICTURE.read_text() == walk_svg(delivered())
    assert f"]({PICTURE.name})" in PAGE


def test_every_mark_is_explained() -> None:
    for mark in LEGEND:
        assert f"| `{mark}` |" in PAGE
