"""Plugins called as a container runtime calls them: a process for each call, its stdin and stdout.

Ours are built as packages have them, and called from the same lines of code as all others.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_SOURCES = ROOT / "packaging" / "plugin"
NATIVE, SCRIPT = "native", "script"
CNI, NETAVARK = "glassbridge-cni", "glassbridge-netavark"


def build_plugins(folder: Path) -> Mapping[str, Path]:
    """Our plugins in C and in Python, in a folder each."""
    found = {kind: folder / kind for kind in (NATIVE, SCRIPT)}
    for place in found.values():
        place.mkdir(parents=True)
    for name in (CNI, NETAVARK):
        made = str(found[NATIVE] / name)
        subprocess.run(["cc", "-O2", "-o", made, str(_SOURCES / "plugin.c")], check=True)
        shutil.copyfile(_SOURCES / "plugin.py", found[SCRIPT] / name)
        (found[SCRIPT] / name).chmod(0o755)
    return found


def ask(command: Sequence[str], environment: Mapping[str, str], said: Any) -> Any:  # noqa: ANN401 - JSON
    """One call; raises RuntimeError with what it said where it fails."""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        out, err = process.communicate(json.dumps(said).encode())
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {(out + err).decode(errors='replace')}")
    return json.loads(out) if out.strip() else None
