"""What breaks inside a batch, in ways that no door answers for, is told and leaves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from tests.netns.engine.attachment_requests import key_of, pods, request
from tests.netns.engine.consistency import check_consistency

from glassbridge.engine.engine import Engine
from glassbridge.engine.jobs import Job
from glassbridge.engine.state import State
from glassbridge.engine.unplugging import Unplug
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.executor import Executor
from glassbridge.kernel.rtnetlink import NetlinkSocket
from glassbridge.model.requests import AttachRequest
from glassbridge.plan.operations import Operation
from glassbridge.wire.netlink import Refusal, Request

Make = Callable[[str], str]


class Pause(Job[None]):
    """Keeps the writer until `go`: what is queued meanwhile becomes one batch."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        del state, executor
        self.begun.set()
        self.go.wait()
        return ()

    def result(self, state: State) -> None:
        del state


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


def test_jobs_of_one_batch_are_taken_back_in_reverse(
    engine: Engine, make_netns: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two deletes has found the interface on its way out, the first as it was."""
    engine.attachments.define(pods())
    engine.attachments.add(request("c1", make_netns("c1")))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    pause = Pause()
    with monkeypatch.context() as patched:
        paused = engine._submit(pause)  # noqa: SLF001 - no use case keeps the writer
        pause.begun.wait()
        patched.setattr(engine._store, "put_endpoint", full)  # noqa: SLF001 - as above
        deletes = [engine._submit(Unplug(key_of("c1"))) for _ in range(2)]  # noqa: SLF001 - as above
        pause.go.set()
        assert paused.result() is None
        for delete in deletes:
            with pytest.raises(OSError, match="No space left"):
                delete.result()
    check_consistency(engine)
    assert engine.attachments.delete(key_of("c1")) is not None
    check_consistency(engine)
