"""Every operation has a door, and those on links the one of their namespace."""

from typing import get_args

import pytest

from glassbridge.kernel.channels import CHANNELS, Channel, channel_of
from glassbridge.model.address import Mac
from glassbridge.model.network import Ifname
from glassbridge.plan.operations import BringUp, CreateVeth, DisableLinkLocal, Operation

MAC = Mac("02:42:0a:00:00:02")
NETNS = "/run/netns/box"


def test_every_operation_has_one() -> None:
    assert set(CHANNELS) == set(get_args(Operation))


def test_every_one_is_used() -> None:
    assert set(CHANNELS.values()) == set(Channel)


@pytest.mark.parametrize("kind", [k for k in CHANNELS if CHANNELS[k] is Channel.SANDBOX_LINKS])
def test_what_can_happen_in_a_sandbox_says_in_which(kind: type[Operation]) -> None:
    assert "netns" in kind.__dataclass_fields__


def test_the_namespace_decides() -> None:
    eth0 = Ifname("eth0")
    assert channel_of(BringUp(eth0, NETNS)) is Channel.SANDBOX_LINKS
    assert channel_of(BringUp(eth0)) is Channel.HOST_LINKS
    assert channel_of(DisableLinkLocal(eth0, NETNS)) is Channel.SANDBOX_LINKS
    assert channel_of(DisableLinkLocal(eth0)) is Channel.HOST_LINKS
    # made on the host's side, although it names the namespace of the far end
    veth = CreateVeth(Ifname("veth0"), MAC, eth0, MAC, 1500, NETNS)
    assert channel_of(veth) is Channel.HOST_LINKS
