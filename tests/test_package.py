"""What users install: both archives build without a network, and the wheel runs where it lands."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from glassbridge import __version__

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    """Run outside of this environment's PYTHONPATH and the like; what it said, or fail with it."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(source: Path, target: Path, kind: str) -> Path:
    """Build as an installer would, but with the back end that is here: no isolation, no network."""
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, cwd=source)
    (built,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked source archive, as distributions do."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    run("tar", "-xzf", sdist, cwd=unpacked)
    return build(unpacked / f"glassbridge-{__version__}", tmp_path_factory.mktemp("wheel"), "wheel")


def test_the_source_archive_has_what_the_tests_and_the_demo_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    assert {"Makefile", "requirements.lock", "scripts/prepare.sh", "LICENSE"} <= names
    assert "tests/test_package.py" in names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name]


def test_the_wheel_has_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = ROOT / "src"
    expected = {p.relative_to(package).as_posix() for p in package.rglob("*.py")}
    programs = {"glassbridge/app/plugin/plugin.py"}  # what `cni install` copies, no module
    assert {name for name in names if name.endswith(".py")} == expected | programs
    assert "glassbridge/py.typed" in names
    assert all(name.startswith("glassbridge/") for name in names)


def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "empty"
    venv.create(home, with_pip=True)  # pip comes out of the interpreter, not from a network
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=tmp_path)
    # the dependencies are lent by this environment; a .pth line does not lend its own .pth lines,
    # so an editable install of the project stays out
    (site,) = home.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import glassbridge; print(glassbridge.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(home)
    assert __version__ in run(home / "bin" / "glassbridge", "--version", cwd=tmp_path)
