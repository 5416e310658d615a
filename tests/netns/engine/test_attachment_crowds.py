"""Many attachments at once: no address twice, no failure, and the work is shared."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.netns.engine.attachment_requests import PODS, key_of, pods, request
from tests.netns.engine.consistency import check_consistency

from glassbridge.engine.engine import Engine
from glassbridge.model.endpoint import PortWish

Make = Callable[[str], str]
WORKERS, CROWD = 16, 100


def test_a_crowd_comes_and_goes(engine: Engine, make_netns: Make) -> None:
    make_netns("first")
    names = [f"n{i:03}" for i in range(CROWD)]
    batch = "".join(f"netns add {name}\n" for name in names)
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    attachments = engine.attachments

    def come(name: str) -> str:
        attachments.define(pods())
        ports = (PortWish(container_port=80, host_ports=(20000, 20200)),)
        made = attachments.add(request(name, f"/run/netns/{name}", ports=ports))
        return str(made.endpoint.ipv4)

    with ThreadPoolExecutor(WORKERS) as workers:
        addresses = list(workers.map(come, names))
        assert len(set(addresses)) == CROWD
        check_consistency(engine)
        kept = names[::10]
        gone = [name for name in names if name not in kept]
        assert all(workers.map(lambda name: attachments.delete(key_of(name)), gone))
    assert {a.key for a in attachments.attached(PODS)} == {key_of(name) for name in kept}
    assert attachments.retain(PODS, [key_of(kept[0])]) == ()
    assert [a.key for a in attachments.attached(PODS)] == [key_of(kept[0])]
    check_consistency(engine)
