"""Write docs/doctor.schema.json from the types of `doctor --json`, or check it with --check."""

import json
import sys
from pathlib import Path

import msgspec

from glassbridge.model.finding import SCHEMA, Diagnosis

PAGE = Path(__file__).parent.parent / "docs" / "doctor.schema.json"


def page() -> str:
    """The whole file; nothing in it forbids keys that a later version adds."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{SCHEMA}: what `glassbridge doctor --json` answers",
        **msgspec.json.schema(Diagnosis),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write or check; the exit code is 1 when the file is not what it should be."""
    if "--check" not in sys.argv:
        PAGE.write_text(page())
        return 0
    return int(PAGE.read_text() != page())


if __name__ == "__main__":
    sys.exit(main())
