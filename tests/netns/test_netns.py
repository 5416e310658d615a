"""kernel.netns against `ip netns` and /proc."""

import ctypes
import errno
import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glassbridge.errors import Conflict, InvalidRequest, KernelRefused, NotFound
from glassbridge.kernel import netns
from glassbridge.kernel.monitor import Monitor
from glassbridge.kernel.rtnetlink import RouteSocket

MakeNetns = Callable[[str], str]


def current_inode() -> int:
    return Path(netns.CURRENT).stat().st_ino


def test_create_is_what_ip_netns_understands(fresh_host: None) -> None:
    netns.create_netns("/run/netns/ours")
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, check=True, text=True)
    assert "ours" in listed.stdout
    inode = subprocess.run(
        ["ip", "netns", "exec", "ours", "stat", "-Lc", "%i", "/proc/self/ns/net"],
        capture_output=True,
        check=True,
        text=True,
    )
    fd = netns.open_netns("/run/netns/ours")
    assert int(inode.stdout) == netns.inode_of(fd) != current_inode()
    os.close(fd)
    subprocess.run(["ip", "netns", "add", "theirs"], check=True)
    netns.delete_netns("/run/netns/theirs")
    netns.delete_netns("/run/netns/ours")
    netns.delete_netns("/run/netns/ours")
    assert not list(Path("/run/netns").iterdir())


def test_create_in_a_folder_of_our_own(fresh_host: None) -> None:
    netns.create_netns("/run/glass/netns/a")
    netns.create_netns("/run/glass/netns/b")
    with pytest.raises(Conflict, match="exists already"):
        netns.create_netns("/run/glass/netns/a")
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    points = [fields[4] for fields in mounts]
    assert points.count("/run/glass/netns") == 1, "one mount, however many namespaces"
    assert points.count("/run/glass/netns/a") == 1
    netns.delete_netns("/run/glass/netns/a")
    netns.delete_netns("/run/glass/netns/b")
    assert not list(Path("/run/glass/netns").iterdir())
    subprocess.run(["umount", "/run/glass/netns"], check=True)


def test_the_thread_is_in_the_namespace_only_inside(make_netns: MakeNetns) -> None:
    fd = netns.open_netns(make_netns("box"))
    home = current_inode()
    seen: list[int] = []
    with netns.inside(fd):
        assert current_inode() == netns.inode_of(fd)
        elsewhere = threading.Thread(target=lambda: seen.append(current_inode()))
    elsewhere.start()
    elsewhere.join()
    assert seen == [home] == [current_inode()]
    with pytest.raises(ZeroDivisionError), netns.inside(fd):
        1 / 0  # noqa: B018 - the failure is the point
    assert current_inode() == home
    os.close(fd)


def test_a_socket_keeps_the_namespace_it_was_opened_in(make_netns: MakeNetns) -> None:
    fd = netns.open_netns(make_netns("box"))
    subprocess.run(["ip", "-n", "box", "link", "add", "only-here", "type", "bridge"], check=True)
    with RouteSocket(fd) as there, RouteSocket() as here:
        assert there.ifindex("only-here") > 1
        with pytest.raises(NotFound):
            here.ifindex("only-here")
        assert there.netns_cookie == netns.cookie_of(fd) != here.netns_cookie
    os.close(fd)


@pytest.mark.parametrize("path", ["/run/netns/absent", "/proc/999999999/ns/net", "/etc/hosts/x"])
def test_a_namespace_that_is_gone(fresh_host: None, path: str) -> None:
    with pytest.raises(NotFound, match="it does not exist") as caught:
        netns.open_netns(path)
    assert caught.value.hint


@pytest.mark.parametrize("path", ["/etc/hostname", "/proc/self/ns/mnt", "/run"])
def test_what_is_no_network_namespace(fresh_host: None, path: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a network namespace"):
        netns.open_netns(path)


@pytest.mark.timeout(60)
def test_a_fifo_is_not_waited_for(fresh_host: None, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(InvalidRequest, match="is not a network namespace"):
        netns.open_netns(str(path))


def test_what_is_no_path_at_all(fresh_host: None) -> None:
    with pytest.raises(InvalidRequest, match="is not a path"):
        netns.open_netns("/run/netns/\0")


def test_the_namespace_of_a_process(fresh_host: None) -> None:
    process = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        deadline = time.monotonic() + 30
        link = Path(f"/proc/{process.pid}/ns/net")
        while link.stat().st_ino == current_inode():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        fd = netns.open_netns_of(process.pid)
        assert netns.inode_of(fd) == link.stat().st_ino
        os.close(fd)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(NotFound, match=f"process {process.pid} does not exist"):
            netns.open_netns_of(process.pid)  # a zombie still has a pid
    finally:
        process.kill()
        process.wait()
    with pytest.raises(NotFound, match=f"process {process.pid} does not exist"):
        netns.open_netns_of(process.pid)


def test_a_process_that_exits_meanwhile_is_not_found(
    fresh_host: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen(["sleep", "60"])
    open_it = netns.open_netns

    def open_and_lose(path: str) -> int:
        fd = open_it(path)
        process.kill()
        process.wait()
        return fd

    monkeypatch.setattr(netns, "open_netns", open_and_lose)
    with pytest.raises(NotFound, match="does not exist"):
        netns.open_netns_of(process.pid)


def test_a_process_is_watched_behind_a_thousand_descriptors(fresh_host: None) -> None:
    """A daemon with many held ports has no low descriptor left, where select() would fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    many = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        with Monitor(lambda _: None):
            os.close(netns.open_netns_of(os.getpid()))
    finally:
        for fd in many:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("pid", [-1, 0])
def test_what_is_no_process(fresh_host: None, pid: int) -> None:
    with pytest.raises(InvalidRequest, match="is not the id of a process"):
        netns.open_netns_of(pid)


def test_the_id_of_a_thread_is_no_process(fresh_host: None) -> None:
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises((InvalidRequest, NotFound)) as caught:
            netns.open_netns_of(threading.get_native_id())
        refused.append(caught.value.message)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert len(refused) == 1


def test_out_of_descriptors_is_told(make_netns: MakeNetns) -> None:
    fd = netns.open_netns(make_netns("box"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (fd + 1, hard))
    try:
        for attempt in (
            lambda: RouteSocket(fd),
            RouteSocket,
            lambda: netns.open_netns("/run/netns/box"),
            lambda: netns.open_netns_of(os.getpid()),
        ):
            with pytest.raises(KernelRefused, match="Too many open files"):
                attempt()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(fd)


def test_a_huge_pid(fresh_host: None) -> None:
    for pid in (2**22 + 1, 2**40):
        with pytest.raises(NotFound):
            netns.open_netns_of(pid)


def test_nothing_is_left_when_the_kernel_refuses_to_bind(
    fresh_host: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netns, "CURRENT", "/absent")
    with pytest.raises(NotFound):
        netns.create_netns("/run/netns/half")
    assert not Path("/run/netns/half").exists()


def test_a_refused_umount_is_told(fresh_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: bytes, flags: int) -> int:
        ctypes.set_errno(errno.EBUSY)
        return -1

    monkeypatch.setattr(netns._libc, "umount2", refuse)  # noqa: SLF001 - the kernel's part
    with pytest.raises(KernelRefused, match="delete network namespace /run/netns/x"):
        netns.delete_netns("/run/netns/x")
