"""The command as a person calls it, with folders of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SRC = Path(__file__).parents[3] / "src"


class Glassbridge:
    """Calls the command as a person would, with folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.run_dir = folder / "run"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(SRC),
            "GLASSBRIDGE_RUN_DIR": str(self.run_dir),
            "GLASSBRIDGE_STATE_DIR": str(folder / "state"),
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "glassbridge", *arguments]

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, stdin=subprocess.DEVNULL)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def __call__(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def refused(self, code: int, *arguments: str) -> str:
        """Fails with that code, two lines at most, no traceback; returns them."""
        done = self.run(*arguments)
        assert done.returncode == code, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        lines = done.stderr.splitlines()
        assert lines[0].startswith("error: ")
        assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint:  "))
        return done.stderr

    @property
    def daemon(self) -> int | None:
        done = self.run("status", "--json")
        return int(json.loads(done.stdout)["pid"]) if done.returncode == 0 else None

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        pid = self.daemon
        if pid is None:
            return
        os.kill(pid, number)
        for _ in range(500):
            if not Path(f"/proc/{pid}/stat").exists() or _is_zombie(pid):
                return
            time.sleep(0.01)
        pytest.fail(f"daemon {pid} does not end")


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
