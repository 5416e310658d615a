"""The client's patience with a daemon that is there and says nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from glassbridge.app import client
from glassbridge.errors import Unavailable
from glassbridge.model.views import Status


def test_a_silent_daemon_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PATIENCE_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(tmp_path / "socket"))
        listener.listen()
        with (
            client.Client(tmp_path / "socket") as asking,
            pytest.raises(Unavailable, match="does not answer") as caught,
        ):
            asking.get("/v1/status", Status)
    assert f"kill -9 {os.getpid()}" in caught.value.hint
