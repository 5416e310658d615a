"""Record the story's network in a lab: what `glassbridge demo` shows where there can be no lab.

    python scripts/story_snapshot.py

Run it again when the schema of snapshots has changed.
"""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
RECORDING = PROJECT / "src" / "glassbridge" / "app" / "story.json.gz"

_STORY = """\
set -e
rootfs=.cache/demo-rootfs
glassbridge run -d --name nginx-1 --rootfs $rootfs nginx
glassbridge run -d --name nginx-2 --rootfs $rootfs nginx
glassbridge network create backend
glassbridge run -d --name db --network backend --rootfs $rootfs nginx
sleep 1
glassbridge trace nginx-1 nginx-2:80 >/dev/null
glassbridge snapshot -o "$1"
"""


def main() -> None:
    """Play the story as far as its network goes, and write the snapshot of it."""
    subprocess.run([PROJECT / "scripts" / "prepare.sh", "demo"], check=True)
    command = [sys.executable, "-P", "-m", "glassbridge", "lab", "--", "sh", "-c", _STORY, "story"]
    subprocess.run([*command, str(RECORDING)], cwd=PROJECT, check=True)


if __name__ == "__main__":
    main()
