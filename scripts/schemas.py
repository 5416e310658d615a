"""Write docs/*.schema.json from the types of what --json answers, or check them with --check."""

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from glassbridge.app.walk_json import walk_schema
from glassbridge.model import finding, wiring

DOCS = Path(__file__).parent.parent / "docs"


def schemas() -> dict[str, dict[str, Any]]:
    """By the name of the file; none forbids keys that a later version adds."""
    return {
        "walk": walk_schema(),
        "topology": _schema(wiring.Wiring, f"{wiring.SCHEMA}: what `glassbridge topology --json`"),
        "doctor": _schema(finding.Diagnosis, f"{finding.SCHEMA}: what `glassbridge doctor --json`"),
    }


def _schema(answer: type, title: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{title} answers",
        **msgspec.json.schema(answer),
    }


def main() -> int:
    """Write or check; the exit code is 1 when one is not what it should be."""
    code = 0
    for name, schema in schemas().items():
        page = DOCS / f"{name}.schema.json"
        new = json.dumps(schema, indent=2, sort_keys=True) + "\n"
        if "--check" not in sys.argv:
            page.write_text(new)
            continue
        old = page.read_text()
        sys.stdout.writelines(
            difflib.unified_diff(
                old.splitlines(keepends=True), new.splitlines(keepends=True), page.name, "should be"
            )
        )
        code |= old != new
    return code


if __name__ == "__main__":
    sys.exit(main())
