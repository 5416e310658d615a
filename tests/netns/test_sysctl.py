"""kernel.sysctl against sysctl(8), here and in another namespace."""

import os
import subprocess
import threading
from collections.abc import Callable

import pytest

from glassbridge.errors import KernelRefused, NotFound
from glassbridge.kernel import sysctl
from glassbridge.kernel.netns import inside, open_netns

MakeNetns = Callable[[str], str]
FORWARD = "net.ipv4.ip_forward"


def told(key: str, netns: str = "") -> str:
    within = ["ip", "netns", "exec", netns] if netns else []
    command = [*within, "sysctl", "-n", key]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def test_read_and_write_here(fresh_host: None) -> None:
    assert sysctl.read(FORWARD) == told(FORWARD) == "0"
    sysctl.write(FORWARD, "1")
    assert sysctl.read(FORWARD) == told(FORWARD) == "1"
    assert sysctl.read("net.ipv4.ip_local_port_range") == told("net.ipv4.ip_local_port_range")


def test_read_and_write_in_another_namespace(make_netns: MakeNetns) -> None:
    fd = open_netns(make_netns("box"))
    sysctl.write(FORWARD, "1", fd)
    assert sysctl.read(FORWARD, fd) == told(FORWARD, "box") == "1"
    assert sysctl.read(FORWARD) == told(FORWARD) == "0"
    assert sysctl.read_present([FORWARD, "net.absent"], fd) == {FORWARD: "1"}
    os.close(fd)


def test_the_file_belongs_to_the_namespace_of_the_thread_that_opens_it(
    make_netns: MakeNetns,
) -> None:
    fd = open_netns(make_netns("box"))
    sysctl.write(FORWARD, "1", fd)
    seen: list[str] = []

    def enter_and_read() -> None:
        with inside(fd):
            seen.append(sysctl.read(FORWARD))
        seen.append(sysctl.read(FORWARD))

    thread = threading.Thread(target=enter_and_read)
    thread.start()
    thread.join()
    assert seen == ["1", "0"]
    os.close(fd)


def test_a_dot_in_a_link_name(fresh_host: None) -> None:
    subprocess.run(["ip", "link", "add", "gb0.5", "type", "bridge"], check=True)
    for key in ("net.ipv4.conf.gb0/5.rp_filter", "net/ipv4/conf/gb0.5/rp_filter"):
        sysctl.write(key, "2")
        assert sysctl.read(key) == told(key) == "2"
        sysctl.write(key, "0")


def test_what_the_kernel_does_not_have(fresh_host: None) -> None:
    with pytest.raises(NotFound, match=r"sysctl net\.ipv4\.absent does not exist"):
        sysctl.read("net.ipv4.absent")
    with pytest.raises(NotFound, match=r"sysctl net\.ipv4\.conf\.veth0\.rp_filter does not exist"):
        sysctl.write("net.ipv4.conf.veth0.rp_filter", "1")


def test_a_value_that_the_kernel_refuses(fresh_host: None) -> None:
    with pytest.raises(KernelRefused, match=r"set sysctl net\.ipv4\.ip_forward = maybe: Invalid"):
        sysctl.write(FORWARD, "maybe")
