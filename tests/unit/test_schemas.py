"""The schemas in docs/ are those of the types."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_published_schemas_are_those_of_the_types() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "schemas.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run: make docs\n{checked.stdout}{checked.stderr}"
