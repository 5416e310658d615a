"""CNI's containers have names, and are told where to ask."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from typing import Any

from tests.netns.cli.program import Glassbridge
from tests.netns.names.asking import ask, found


def test_pods_find_each_other_where_their_answer_sends_them(
    gb: Glassbridge, make_netns: Callable[[str], str]
) -> None:
    one, other = make_netns("one"), make_netns("other")
    gb("ps")  # the daemon runs
    told = _add(gb, one, "0123456789abcdef", [])
    _add(gb, other, "fedcba9876543210", ["store"])
    assert told["dns"] == {"nameservers": ["10.88.0.1"]}
    assert found(ask(one, "10.88.0.1", "store")) == {"10.88.0.3"}
    assert found(ask(one, "10.88.0.1", "fedcba987654.pods")) == {"10.88.0.3"}
    assert found(ask(other, "10.88.0.1", "0123456789ab", over_tcp=True)) == {"10.88.0.2"}


def _add(gb: Glassbridge, netns: str, container: str, aliases: list[str]) -> Any:
    """What the shim posts for ADD, and what is printed."""
    configuration = {
        "cniVersion": "1.1.0",
        "name": "pods",
        "type": "glassbridge-cni",
        "isGateway": True,
        "ipam": {"type": "glassbridge", "subnet": "10.88.0.0/16"},
        "runtimeConfig": {"aliases": {"pods": aliases}},
    }
    environment = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": container,
        "CNI_NETNS": netns,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/opt/cni/bin",
        "CNI_ARGS": "",
    }
    words = "".join(f"{key}={value}\0" for key, value in environment.items())
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(gb.run_dir / "glassbridge.sock"))
    connection.request("POST", "/cni", f"{words}\0{json.dumps(configuration)}".encode())
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.getheader("exit-code") == "0", said
    return json.loads(said)
