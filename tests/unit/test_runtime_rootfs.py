"""Paths, programs and users of a container are found in its own files, and never outside."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassbridge.errors import InvalidRequest, NotFound
from glassbridge.runtime.rootfs import Identity, Rootfs

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:App:/srv/app:/bin/sh
1234:x:77:78:a number as a name:/home/n:/bin/sh
broken
"""
GROUP = """\
root:x:0:
app:x:1001:
wheel:x:10:app,other
log:x:4:app
"""


@pytest.fixture
def rootfs(tmp_path: Path) -> Rootfs:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return Rootfs(tmp_path)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Identity(0, 0, (0,), "/root")),
        ("root", Identity(0, 0, (0,), "/root")),
        ("app", Identity(1000, 1001, (4, 10, 1001), "/srv/app")),
        ("1000", Identity(1000, 1001, (4, 10, 1001), "/srv/app")),
        ("app:wheel", Identity(1000, 10, (10,), "/srv/app")),
        ("app:5", Identity(1000, 5, (5,), "/srv/app")),
        ("4711", Identity(4711, 0, (0,), "/")),
        ("4711:4712", Identity(4711, 4712, (4712,), "/")),
        ("1234", Identity(77, 78, (78,), "/home/n")),
    ],
)
def test_users_are_looked_up(rootfs: Rootfs, user: str, expected: Identity) -> None:
    assert rootfs.identity(user) == expected


@pytest.mark.parametrize("user", ["nosuch", "app:nosuch", "broken"])
def test_unknown_names_are_told(rootfs: Rootfs, user: str) -> None:
    with pytest.raises(NotFound, match=user.rpartition(":")[2]):
        rootfs.identity(user)


def test_numbers_need_no_user_list(tmp_path: Path) -> None:
    assert Rootfs(tmp_path).identity("") == Identity(0, 0, (0,), "/")
    assert Rootfs(tmp_path).identity("5:6") == Identity(5, 6, (6,), "/")


@pytest.mark.parametrize(
    ("link", "target", "path", "expected"),
    [
        ("etc/resolv.conf", "/run/x/resolv.conf", "/etc/resolv.conf", "/run/x/resolv.conf"),
        ("etc/resolv.conf", "../run/x", "/etc/resolv.conf", "/run/x"),
        ("etc/resolv.conf", "../../../../run/x", "/etc/resolv.conf", "/run/x"),
        ("bin", "usr/bin", "/bin/sh", "/usr/bin/sh"),
        ("out", "/", "/out/out/etc", "/etc"),
        ("up", "..", "/up/up/etc", "/etc"),
    ],
)
def test_links_stay_inside(
    tmp_path: Path, link: str, target: str, path: str, expected: str
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / link).symlink_to(target)
    assert Rootfs(tmp_path).resolve(path) == expected


def test_a_ring_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InvalidRequest, match="too many symbolic links"):
        Rootfs(tmp_path).resolve("/a")


NAMES = st.sampled_from(("a", "b", "c", "..", "."))
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
TARGETS = st.tuples(st.sampled_from(("", "/")), PATHS).map("".join)


@pytest.mark.skipif(os.geteuid() != 0, reason="the oracle is chroot(2)")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(links=st.dictionaries(st.sampled_from(("a", "b", "c")), TARGETS), path=PATHS)
def test_resolves_as_the_kernel_does_in_a_chroot(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], path: str
) -> None:
    """`realpath -m` of busybox or coreutils would need files in there: Python chroots itself."""
    folder = tmp_path_factory.mktemp("root")
    for name in ("a", "b", "c"):
        if name in links:
            (folder / name).symlink_to(links[name])
        else:
            (folder / name / "b").mkdir(parents=True)
    there = _resolved_by_the_kernel(folder, path)
    if there is not None:
        assert Rootfs(folder).resolve(path) == there


def _resolved_by_the_kernel(folder: Path, path: str) -> str | None:
    """Where a folder lies that the path leads to; None if the kernel finds none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chroot(folder)
            os.chdir("/")
            os.chdir(path)
            os.write(writing, bytes(Path.cwd()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text or None


def test_programs_are_found_as_execvp_does(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("/usr/bin")
    tool, data = tmp_path / "usr/bin/tool", tmp_path / "usr/bin/data"
    tool.touch(mode=0o755)
    data.touch(mode=0o644)
    rootfs = Rootfs(tmp_path)
    for name, workdir in (("tool", "/"), ("/bin/tool", "/"), ("./tool", "/bin"), ("bin/tool", "/")):
        rootfs.check_program(name, "/sbin:/bin", workdir)
    with pytest.raises(NotFound, match="program tool does not exist"):
        rootfs.check_program("tool", "/sbin", "/")
    with pytest.raises(NotFound, match=r"data .* is not executable"):
        rootfs.check_program("data", "/bin", "/")
    with pytest.raises(NotFound, match="does not exist"):
        rootfs.check_program("/usr/bin", "/bin", "/")


def test_the_hosts_own_tree_agrees_with_realpath() -> None:
    for path in ("/bin/sh", "/proc/self/../1", "/etc/resolv.conf", "/usr/bin/awk", "/lib64/../etc"):
        said = subprocess.check_output(["realpath", "-m", path], text=True).strip()
        if not path.startswith("/proc"):
            assert Rootfs(Path("/")).resolve(path) == said


@pytest.mark.timeout(60)
def test_a_fifo_in_place_of_the_users_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    assert Rootfs(tmp_path).identity("7").uid == 7
