"""scripts/prepare.sh on machines that lack something, played with a PATH of our making."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HIDDEN = {"bwrap", "apt-get", "sudo", "id"}
Prepare = Callable[..., subprocess.CompletedProcess[str]]


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A prepared checkout: environment made, the demo's files unpacked."""
    (tmp_path / "scripts").mkdir()
    for script in ("prepare.sh", "demo-rootfs.sh"):
        shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts")
    (tmp_path / "requirements.lock").write_text("a==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    for made in (".venv/bin/glassbridge", ".cache/demo-rootfs/.complete"):
        (tmp_path / made).parent.mkdir(parents=True)
        program(tmp_path / made, "")
    (tmp_path / ".venv/prepared").write_text(
        hashlib.sha256(b"a==1\n[project]\n").hexdigest() + "\n"
    )
    return tmp_path


@pytest.fixture
def prepare(checkout: Path) -> Prepare:
    """Run it with every program of this machine but the hidden ones, as a given user."""
    programs = checkout / "bin"
    programs.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for found in Path(folder).iterdir():
            # a link may lead nowhere, and still be there
            if found.name not in HIDDEN and not os.path.lexists(programs / found.name):
                (programs / found.name).symlink_to(found)
    log = checkout / "log"
    log.touch()

    def run(
        *, uid: int = 0, apt: bool = True, sudo: bool = True, works: bool = True
    ) -> subprocess.CompletedProcess[str]:
        program(programs / "id", f"echo {uid}")
        gets = f"ln -sf /bin/true {programs}/bwrap" if works else "exit 100"
        if apt:
            program(
                programs / "apt-get",
                f'echo "apt-get $*" >>{log}; case "$*" in *install*) {gets};; esac',
            )
        if sudo:
            program(programs / "sudo", f'echo "sudo $*" >>{log}; exec "$@"')
        return subprocess.run(
            [checkout / "scripts" / "prepare.sh", "demo"],
            env={**os.environ, "PATH": str(programs), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


INSTALL = "apt-get -qq -y --no-install-recommends install bubblewrap"


def test_only_what_is_missing_is_installed_and_only_once(prepare: Prepare, checkout: Path) -> None:
    first = prepare()
    assert first.returncode == 0, first.stderr
    assert "installing: bubblewrap" in first.stdout
    assert (checkout / "log").read_text().split("\n")[0].strip() == INSTALL
    again = prepare()
    assert (again.returncode, again.stdout) == (0, "")
    assert len((checkout / "log").read_text().splitlines()) == 1


def test_an_ordinary_user_installs_with_sudo(prepare: Prepare, checkout: Path) -> None:
    done = prepare(uid=1000)
    assert done.returncode == 0, done.stderr
    assert "sudo may ask for your password" in done.stdout
    assert (checkout / "log").read_text().startswith("sudo env DEBIAN_FRONTEND=noninteractive apt")


def test_without_sudo_it_says_what_to_type(prepare: Prepare) -> None:
    done = prepare(uid=1000, sudo=False)
    assert done.returncode == 1
    assert "run as root: apt-get install bubblewrap" in done.stderr


def test_elsewhere_than_debian_it_says_what_is_missing(prepare: Prepare) -> None:
    done = prepare(apt=False)
    assert done.returncode == 1
    assert "not Debian or Ubuntu" in done.stderr
    assert "bubblewrap" in done.stderr


def test_a_failed_install_is_tried_with_fresh_lists_and_then_fails(
    prepare: Prepare, checkout: Path
) -> None:
    done = prepare(works=False)
    assert done.returncode != 0
    tried = [line.split()[-1] for line in (checkout / "log").read_text().splitlines()]
    assert tried == ["bubblewrap", "update", "bubblewrap"]


def test_an_unknown_purpose(checkout: Path) -> None:
    done = subprocess.run(
        [checkout / "scripts" / "prepare.sh", "all"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "usage" in done.stderr
