"""A network that is defined gets its bridge later: the host may have changed since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dockerd import create, managed, wish
from tests.netns.engine.seeing import addresses, link, pings, run
from tests.netns.engine.test_faults import Refuses

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, KernelRefused
from glassbridge.model.container import ContainerSpec, NetworkWish
from glassbridge.model.requests import AttachRequest, NetworkRequest, RunRequest, SubnetWish

Folders = tuple[Path, Path]
Make = Callable[[str], str]


def docker0_comes() -> None:
    run("ip", "link", "add", "docker0", "type", "bridge")
    run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")


def subnet(engine: Engine, name: str) -> str:
    ipv4 = engine.network(name).network.ipv4
    assert ipv4 is not None
    return str(ipv4.prefix)


def test_the_default_network_gives_way(engine: Engine, make_netns: Make) -> None:
    """Defined at the first start, it is in use by nobody when Docker comes."""
    assert subnet(engine, "bridge") == "172.17.0.0/16"
    docker0_comes()
    netns = make_netns("one")
    view = engine.attach(AttachRequest(name="one", netns=netns))
    assert subnet(engine, "bridge") == "172.18.0.0/16"
    assert addresses("gb0") == {"172.18.0.1/16"}
    assert str(view.endpoints[0].endpoint.ipv4) == "172.18.0.2/16"
    assert pings(netns, "172.18.0.1")
    check_consistency(engine)


def test_its_new_subnet_outlasts_a_restart(fresh_host: None, folders: Folders) -> None:
    first = Engine(*folders)
    docker0_comes()
    first.up()
    first.close()
    again = Engine(*folders)
    assert subnet(again, "bridge") == "172.18.0.0/16"
    assert addresses("gb0") == {"172.18.0.1/16"}
    check_consistency(again)
    again.down()
    again.up()
    assert subnet(again, "bridge") == "172.18.0.0/16"
    again.down()
    again.close()


def test_a_move_that_fails_changes_nothing(fresh_host: None, folders: Folders) -> None:
    refuse = Refuses(2)
    engine = Engine(*folders, before=refuse)
    docker0_comes()
    with pytest.raises(KernelRefused):
        engine.up()
    assert subnet(engine, "bridge") == "172.17.0.0/16"
    assert not link("gb0")
    refuse.relent()
    engine.close()
    engine = Engine(*folders)
    assert subnet(engine, "bridge") == "172.17.0.0/16"
    engine.up()
    assert subnet(engine, "bridge") == "172.18.0.0/16"
    check_consistency(engine)
    engine.down()
    engine.close()


def test_a_container_that_is_to_have_an_address_keeps_the_subnet(engine: Engine) -> None:
    docker0_comes()
    wishes = (NetworkWish(network="bridge", ipv4="172.17.0.9"),)
    spec = ContainerSpec(rootfs="/", command=("true",))
    with pytest.raises(Conflict, match=r"bridge .* overlaps address of link docker0"):
        engine.run(RunRequest(name="fixed", spec=spec, networks=wishes))
    assert not link("gb0")
    assert subnet(engine, "bridge") == "172.17.0.0/16"


def test_another_network_is_refused(engine: Engine, make_netns: Make) -> None:
    """It was named by somebody, or others know its addresses."""
    named = NetworkRequest(name="named", subnets=(SubnetWish(subnet="10.80.0.0/24"),))
    engine.create_network(named)
    create(engine)
    engine.down()
    for name, address in (("vpn8", "10.80.0.77/25"), ("vpn9", "10.90.0.1/20")):
        run("ip", "link", "add", name, "type", "bridge")
        run("ip", "addr", "add", address, "dev", name)
    with pytest.raises(Conflict, match=r"named \(10.80.0.0/24\) overlaps address of link vpn8"):
        engine.attach(
            AttachRequest(netns=make_netns("one"), networks=(NetworkWish(network="named"),))
        )
    endpoint = engine.driver.reserve(wish(1))
    with pytest.raises(Conflict, match=r"overlaps address of link vpn"):
        engine.driver.join(endpoint.id, "/n")
    assert not link(engine.network("named").network.bridge)
    check_consistency(engine)
    run("ip", "link", "del", "vpn9")
    engine.driver.forget(endpoint.id)
    engine.driver.remove_network(managed())
    run("ip", "link", "del", "vpn8")
    engine.attach(AttachRequest(netns="/run/netns/one", networks=(NetworkWish(network="named"),)))
    check_consistency(engine)
