"""What breaks inside a batch, in ways that no door answers for, is told and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from tests.netns.engine.consistency import check_consistency

from glassbridge.engine.engine import Engine
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.rtnetlink import NetlinkSocket
from glassbridge.model.requests import AttachRequest
from glassbridge.wire.netlink import Refusal, Request

Make = Callable[[str], str]


@pytest.mark.parametrize("fault", [OSError("a fault"), GlassbridgeError("the answer was lost")])
def test_a_lost_answer_is_undone(
    engine: Engine, make_netns: Make, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """The kernel did the work and nobody knows: it is taken back, and can be done again."""
    engine.up()
    box = make_netns("box")
    send = NetlinkSocket.send_batch

    def lose(self: NetlinkSocket, requests: Sequence[Request]) -> list[Refusal | None]:
        send(self, requests)
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(NetlinkSocket, "send_batch", lose)
        with pytest.raises(GlassbridgeError, match=str(fault)):
            engine.attach(AttachRequest(name="box", netns=box))
    assert engine.sandboxes() == ()
    check_consistency(engine)
    view = engine.attach(AttachRequest(name="box", netns=box))
    assert str(view.endpoints[0].endpoint.ipv4) == "172.17.0.3/16", "the first one rests"
    engine.detach("box")


def test_a_store_that_cannot_write_is_told(
    engine: Engine, make_netns: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer lives on, the name is free again, and the next attach works."""
    engine.up()
    box = make_netns("box")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store = engine._store  # noqa: SLF001 - the disk cannot be filled from outside
    with monkeypatch.context() as patched:
        patched.setattr(store, "put_sandbox", full)
        with pytest.raises(OSError, match="No space left"):
            engine.attach(AttachRequest(name="box", netns=box))
    assert engine.sandboxes() == ()
