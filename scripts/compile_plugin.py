"""Compile the plugin into the wheel where there is a C compiler; else the wheel is a pure one."""

import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE = Path(__file__).parents[1] / "packaging" / "plugin" / "plugin.c"


class PluginHook(BuildHookInterface[Any]):
    """hatchling's: called ahead of a wheel, and of an editable installation."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the program; a wheel that has it fits this machine's architecture only."""
        compiler = shutil.which("cc")
        if compiler is None or version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory()
        program = Path(self._folder.name) / "plugin"
        # static: it is copied to where a runtime starts it, whatever libc is there
        subprocess.run([compiler, "-O2", "-static", "-s", "-o", program, _SOURCE], check=True)
        build_data["force_include"][str(program)] = "glassbridge/app/plugin/plugin"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform()}"

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove what was compiled."""
        if self._folder is not None:
            self._folder.cleanup()


def _platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
