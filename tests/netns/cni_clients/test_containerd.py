"""`ctr run --cni` with our plugin alone."""

from __future__ import annotations

import json

from tests.netns.cni_clients.hosts import NETWORK, ContainerdHost
from tests.netns.foreign.machine import OUTSIDE


def test_two_containers_reach_each_other_and_the_world(containerd: ContainerdHost) -> None:
    containerd.run("web")
    containerd.run("client")
    inside = containerd.inside("client")
    assert containerd.serves(f"http://{containerd.address('web')}/", *inside)
    assert containerd.machine.pings(OUTSIDE, *inside, patience=30)
    told = containerd.machine.screen("ps")
    assert "web" in told
    assert "client" in told
    address = containerd.address("web")
    containerd.remove("web")
    assert not containerd.machine.pings(address, *inside, patience=0.7)
    containerd.remove("client")
    (network,) = json.loads(containerd.machine.screen("network", "inspect", NETWORK))
    assert not network.get("endpoints")


def test_a_container_that_was_removed_can_come_again(containerd: ContainerdHost) -> None:
    for _ in range(2):
        containerd.run("again")
        assert containerd.serves(f"http://{containerd.address('again')}/")
        containerd.remove("again")
