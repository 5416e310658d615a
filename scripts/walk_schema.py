"""Write docs/walk.schema.json from the types of `trace --json`, or check it with --check."""

import difflib
import json
import sys
from pathlib import Path

from glassbridge.app.walk_json import walk_schema

PAGE = Path(__file__).parent.parent / "docs" / "walk.schema.json"


def page() -> str:
    """The whole file."""
    return json.dumps(walk_schema(), indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write or check; the exit code is 1 when the file is not what it should be."""
    new = page()
    if "--check" not in sys.argv:
        PAGE.write_text(new)
        return 0
    old = PAGE.read_text()
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "written", "should be"
    )
    sys.stdout.writelines(lines)
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
