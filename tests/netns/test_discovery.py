"""kernel.discovery: every namespace of the host, and which of them a link leads to."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glassbridge.kernel.discovery import describe_netns, find_netns, number_namespaces
from glassbridge.kernel.netns import CURRENT, cookie_of, open_netns
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_link, read_links

MakeNetns = Callable[[str], str]


def inode(path: str) -> int:
    return Path(path).stat().st_ino


def cookie(path: str) -> int:
    fd = open_netns(path)
    try:
        return cookie_of(fd)
    finally:
        os.close(fd)


@pytest.fixture
def process(fresh_host: None) -> Iterator[int]:
    """A process alone in network and mount namespaces of its own, which binds its namespace."""
    script = "mkdir /run/deep\\ down && mount -t tmpfs t /run/deep\\ down && "
    script += "touch /run/deep\\ down/x && mount --bind /proc/self/ns/net /run/deep\\ down/x && "
    script += "echo ready && exec sleep 60"
    command = ["unshare", "-n", "-m", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield started.pid
        started.kill()
    Path("/run/deep down").rmdir()


def test_every_namespace_is_found_once(make_netns: MakeNetns, process: int) -> None:
    box = make_netns("box")
    Path("/run/elsewhere").touch()
    subprocess.run(["mount", "--bind", box, "/run/elsewhere"], check=True)
    try:
        found = find_netns()
    finally:
        subprocess.run(["umount", "/run/elsewhere"], check=True)
        Path("/run/elsewhere").unlink()
    assert found[0].inode == inode(CURRENT), "the own one first"
    assert os.getpid() in found[0].pids
    assert len({n.inode for n in found}) == len({n.cookie for n in found}) == len(found)
    (bound,) = [n for n in found if n.inode == inode(box)]
    assert set(bound.paths) == {box, "/run/elsewhere"}
    assert bound.pids == ()
    assert bound.cookie == cookie(box)
    (other,) = [n for n in found if process in n.pids]
    assert other.inode == inode(f"/proc/{process}/ns/net")
    assert f"/proc/{process}/root/run/deep down/x" in other.paths, "bound where we do not see it"
    assert f"/proc/{process}/ns/net" in other.paths


def test_a_namespace_is_described_by_any_of_its_paths(process: int) -> None:
    path = f"/proc/{process}/ns/net"
    described = describe_netns(path)
    assert described.paths[0] == path
    assert described.pids == (process,)
    assert described.cookie == cookie(path)
    assert describe_netns(described.paths[1]).cookie == described.cookie


def test_a_process_that_exits_is_no_longer_found(fresh_host: None) -> None:
    with subprocess.Popen(["unshare", "-n", "sleep", "60"]) as started:
        path = Path(f"/proc/{started.pid}/ns/net")
        while path.stat().st_ino == inode(CURRENT):
            time.sleep(0.005)
        number = path.stat().st_ino
        assert number in {n.inode for n in find_netns()}
        started.kill()
    assert number not in {n.inode for n in find_netns()}


def test_the_peer_of_a_veth_is_found_behind_its_number(make_netns: MakeNetns) -> None:
    names = ("red", "green", "blue")
    paths = {name: make_netns(name) for name in names}
    for name in names:
        subprocess.run(
            ["ip", "link", "add", f"to-{name}", "type", "veth", "peer", "eth0", "netns", name],
            check=True,
        )
    with RouteSocket() as route:
        everyone = {n.cookie: n for n in find_netns()}
        paths_of = [(n.cookie, n.paths[0]) for n in everyone.values()]
        numbers = {link.link_nsid for link in read_links(route) if link.link_nsid is not None}
        known = number_namespaces(route, paths_of, numbers)
        assert number_namespaces(route, paths_of, ()) == {}
        for name in names:
            link = read_link(route, f"to-{name}")
            assert link.link_nsid is not None
            assert everyone[known[link.link_nsid]].paths == (paths[name],)
            fd = open_netns(paths[name])
            with RouteSocket(fd) as there:
                assert there.ifindex("eth0") == link.peer
                back = read_link(there, "eth0")
                assert back.link_nsid is not None
                others = number_namespaces(there, paths_of, {back.link_nsid})
                assert everyone[others[back.link_nsid]].inode == inode(CURRENT)
            os.close(fd)
