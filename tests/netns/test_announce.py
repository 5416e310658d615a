"""kernel.announce: what a neighbour believes before and after."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest
from tests.netns.cables import await_cables

from glassbridge.errors import KernelRefused
from glassbridge.kernel.announce import announce
from glassbridge.kernel.netns import open_netns
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_neighbours
from glassbridge.model.address import Mac
from glassbridge.model.network import Ifname

MakeNetns = Callable[[str], str]

OLD, NEW = Mac("02:42:0a:00:00:01"), Mac("02:42:0a:00:00:02")
ADDRESSES = (ip_address("10.0.0.2"), ip_address("fd00::2"))

PARTS = f"""
link add veth1 type veth peer name eth0 address {NEW} netns box
link set veth1 up
addr add 10.0.0.1/24 dev veth1
addr add fd00::1/64 dev veth1 nodad
neigh add 10.0.0.2 lladdr {OLD} dev veth1 nud stale
neigh add fd00::2 lladdr {OLD} dev veth1 nud stale
"""


@pytest.fixture
def box(make_netns: MakeNetns) -> Iterator[int]:
    path = make_netns("box")
    subprocess.run(["ip", "-batch", "-"], input=PARTS, check=True, text=True)
    subprocess.run(["ip", "-n", "box", "link", "set", "eth0", "up"], check=True)
    await_cables()
    fd = open_netns(path)
    yield fd
    os.close(fd)
    for thread in threading.enumerate():
        if thread.name == "close-announcer":
            thread.join()


def believed() -> dict[str, str]:
    with RouteSocket() as route:
        return {
            str(n.address): n.mac or "" for n in read_neighbours(route) if n.address in ADDRESSES
        }


def test_neighbours_believe_the_new_mac(box: int) -> None:
    assert set(believed().values()) == {OLD}
    announce(box, Ifname("eth0"), ADDRESSES, NEW)
    deadline = time.monotonic() + 30
    while set(believed().values()) != {NEW}:
        assert time.monotonic() < deadline, believed()
        time.sleep(0.01)


def test_a_link_that_is_not_there(box: int) -> None:
    with pytest.raises(KernelRefused, match=r"announce 10\.0\.0\.2 at .* on eth7: No such device"):
        announce(box, Ifname("eth7"), ADDRESSES, NEW)
