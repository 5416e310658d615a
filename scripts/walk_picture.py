"""Draw docs/walk.svg: the walk that docs/walk.md begins with, as --svg draws it.

scripts/walk_picture.py [--check]     or say whether it is what it should be
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PICTURE = PROJECT / "docs" / "walk.svg"
sys.path.insert(0, str(PROJECT))

from tests.unit.walk.reports import delivered  # noqa: E402 - found from any folder

from glassbridge.app.pictures.walk import walk_svg  # noqa: E402


def picture() -> str:
    """The whole file: names, numbers and times are those of the page."""
    return walk_svg(delivered())


def main() -> int:
    """Write or check; the exit code is 1 when the file is not what it should be."""
    if "--check" in sys.argv[1:]:
        if PICTURE.read_text() == picture():
            return 0
        print(f"{PICTURE.name} is not what it should be: run scripts/walk_picture.py")
        return 1
    PICTURE.write_text(picture())
    return 0


if __name__ == "__main__":
    sys.exit(main())
