"""`cni install` and `netavark install`: what lies where, and what is never overwritten."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glassbridge.app.cli.main import glassbridge
from glassbridge.errors import InvalidRequest

PROGRAM, CONFLIST = "glassbridge-cni", "10-glassbridge.conflist"


def call(*words: str) -> Result:
    return CliRunner().invoke(glassbridge, words, catch_exceptions=False, standalone_mode=False)


def cni(command: str, folder: Path, *flags: str) -> Result:
    return call("cni", command, "--bin-dir", f"{folder}/bin", "--conf-dir", f"{folder}/net", *flags)


def test_the_plugin_runs_where_it_was_put(tmp_path: Path) -> None:
    told = cni("install", tmp_path).output
    program = tmp_path / "bin" / PROGRAM
    assert str(program) in told
    assert program.stat().st_mode & 0o777 == 0o755
    said = subprocess.run([program], check=True, capture_output=True, text=True, env={})
    assert "CNI plugin" in said.stderr
    assert [p.name for p in (tmp_path / "bin").iterdir()] == [PROGRAM]


def test_the_network_is_what_runtimes_read(tmp_path: Path) -> None:
    cni("install", tmp_path, "--name", "pods", "--subnet", "10.40.0.0/16")
    conflist = json.loads((tmp_path / "net/10-pods.conflist").read_text())
    (plugin,) = conflist["plugins"]
    assert (conflist["name"], plugin["type"]) == ("pods", PROGRAM)
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.40.0.0/16"}]]
    assert plugin["capabilities"]["portMappings"] is True


def test_a_program_that_runs_is_replaced(tmp_path: Path) -> None:
    cni("install", tmp_path)
    program = tmp_path / "bin" / PROGRAM
    before = program.stat().st_ino
    with program.open("rb") as running:
        old = running.read()
        cni("install", tmp_path)
        running.seek(0)
        assert running.read() == old
    assert program.stat().st_ino != before


def test_an_edited_network_is_left_alone_and_the_difference_shown(tmp_path: Path) -> None:
    cni("install", tmp_path)
    conflist = tmp_path / "net" / CONFLIST
    assert "is left" not in cni("install", tmp_path).output
    edited = conflist.read_text().replace('"ipMasq": true', '"ipMasq": false')
    conflist.write_text(edited)
    told = cni("install", tmp_path).output
    assert conflist.read_text() == edited
    assert "is left as it is" in told
    assert '-      "ipMasq": false,' in told
    assert '+      "ipMasq": true,' in told


def test_uninstall_takes_away_what_install_put_there(tmp_path: Path) -> None:
    cni("install", tmp_path)
    assert cni("uninstall", tmp_path).output.count("is removed") == 2
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    assert cni("uninstall", tmp_path).output.count("is not there") == 2


def test_the_program_alone(tmp_path: Path) -> None:
    cni("install", tmp_path, "--no-conf")
    assert not (tmp_path / "net").exists()
    cni("uninstall", tmp_path, "--no-conf")
    assert not (tmp_path / "bin" / PROGRAM).exists()


@pytest.mark.parametrize("content", ["{}", "not json", '{"plugins": [{"type": "bridge"}]}', "[]"])
def test_what_is_not_ours_stays(tmp_path: Path, content: str) -> None:
    for folder, name in (("bin", PROGRAM), ("net", CONFLIST)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
    for command, flags in (("install", ()), ("uninstall", ("--no-conf",)), ("uninstall", ())):
        with pytest.raises(InvalidRequest, match="not ours"):
            cni(command, tmp_path, *flags)
    assert (tmp_path / "bin" / PROGRAM).read_text() == content
    assert (tmp_path / "net" / CONFLIST).read_text() == content


def test_a_bad_name_of_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        cni("install", tmp_path, "--name", "../x")
    assert not list(tmp_path.iterdir()), "nothing is half installed"


@pytest.mark.parametrize("subnet", ["banana", "10.1.2.3/16", "10.0.0.0/31", "10.0.0.0/33", ""])
def test_a_bad_subnet_is_refused(tmp_path: Path, subnet: str) -> None:
    with pytest.raises(InvalidRequest, match="subnet"):
        cni("install", tmp_path, "--subnet", subnet)
    assert not list(tmp_path.iterdir())


def test_the_plugin_stays_while_another_network_needs_it(tmp_path: Path) -> None:
    cni("install", tmp_path)
    cni("install", tmp_path, "--name", "pods", "--subnet", "10.40.0.0/16")
    (tmp_path / "net/20-broken.conflist").write_text("{")
    told = cni("uninstall", tmp_path, "--name", "pods").output
    assert f"{PROGRAM} stays: {tmp_path}/net/{CONFLIST} needs it" in told
    assert (tmp_path / "bin" / PROGRAM).exists()
    assert cni("uninstall", tmp_path).output.count("is removed") == 2


def test_podmans_plugin_has_the_drivers_name(tmp_path: Path) -> None:
    folder = f"{tmp_path}/plugins"
    told = call("netavark", "install", "--plugin-dir", folder).output
    assert f'netavark_plugin_dirs = ["{folder}"]' in told
    assert (tmp_path / "plugins/glassbridge").stat().st_mode & 0o777 == 0o755
    assert "is removed" in call("netavark", "uninstall", "--plugin-dir", folder).output
