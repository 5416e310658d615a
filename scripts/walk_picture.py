"""Trace packets between real containers in a lab, and draw docs/walk*.svg and docs/topology.svg.

    scripts/walk_picture.py [FOLDER]     another folder than docs

The pictures show what the kernel here has done: nothing in them is made up.
"""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
ROOTFS = PROJECT / ".cache" / "demo-rootfs"
SECONDS = 120

STORY = """
glassbridge() { "$PYTHON" -P -m glassbridge "$@"; }
run() { glassbridge run -d --rootfs "$ROOTFS" "$@" nginx; }
run --name nginx-1 -p 8080:80
run --name nginx-2
glassbridge network create backend
run --name db --network backend
sleep 1
glassbridge trace nginx-1 nginx-2:80 --svg "$FOLDER/walk.svg"
glassbridge trace nginx-1 db:80 --svg "$FOLDER/walk-dropped.svg" || test $? = 1
glassbridge topology
glassbridge topology --svg "$FOLDER/topology.svg"
"""


def main() -> None:
    """Play the story; a command that fails ends it."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else PROJECT / "docs").absolute()
    subprocess.run(["sh", PROJECT / "scripts" / "demo-rootfs.sh", ROOTFS], check=True)
    played = subprocess.run(
        [sys.executable, "-P", "-m", "glassbridge", "lab", "--", "sh", "-euc", STORY],
        env={**os.environ, "PYTHON": sys.executable, "ROOTFS": str(ROOTFS), "FOLDER": str(folder)},
        timeout=SECONDS,
        check=False,
    )
    sys.exit(played.returncode)


if __name__ == "__main__":
    main()
