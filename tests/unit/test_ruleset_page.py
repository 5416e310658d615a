"""docs/ruleset.md shows the ruleset as it is."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_ruleset_page_is_current() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "ruleset_page.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run: make docs\n{checked.stdout}{checked.stderr}"
