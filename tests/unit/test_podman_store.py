"""Podman's own store: the documents that podman 4.3 wrote, in either kind of file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.test_bolt import File, Tree

from glassbridge.kernel.engines.files import Reader
from glassbridge.kernel.engines.podman_store import read_store
from glassbridge.model.packet import Transport

ID = "874eef7f0c1da83391a95931889d560f598e4aee4f69eeb6c1dcea16714a3f38"
CONFIG = {
    "id": ID,
    "name": "web",
    "newPortMappings": [
        {"host_ip": "", "container_port": 80, "host_port": 8080, "range": 1, "protocol": "tcp"},
        {"host_ip": "", "container_port": 90, "host_port": 9000, "range": 2, "protocol": "udp"},
    ],
}
STATE = {
    "state": 3,
    "pid": 104,
    "networkStatus": {
        "podman": {
            "interfaces": {"eth0": {"subnets": [{"ipnet": "10.88.0.2/16", "gateway": "10.88.0.1"}]}}
        }
    },
}


def write_bbolt(folder: Path) -> None:
    tree: Tree = {
        b"ctr": {
            ID.encode(): {
                b"config": json.dumps(CONFIG).encode(),
                b"state": json.dumps(STATE).encode(),
                b"networks": {b"podman": b"{}"},
            }
        },
        b"id-registry": {ID.encode(): b"web"},
    }
    file = File(inline=False)
    (folder / "libpod").mkdir()
    (folder / "libpod/bolt_state.db").write_bytes(file.data(file.add(file.leaf(tree))))


def write_sqlite(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "db.sql")) as store, store:
        store.execute("CREATE TABLE ContainerConfig(ID TEXT, Name TEXT, PodID TEXT, JSON TEXT)")
        store.execute("CREATE TABLE ContainerState(ID TEXT, State INTEGER, JSON TEXT)")
        # the columns are text, and Podman writes blobs into them
        config = (ID, "web", None, json.dumps(CONFIG).encode())
        store.execute("INSERT INTO ContainerConfig VALUES (?, ?, ?, ?)", config)
        state = (ID, json.dumps(STATE).encode())
        store.execute("INSERT INTO ContainerState VALUES (?, 3, ?)", state)


@pytest.mark.parametrize("write", [write_bbolt, write_sqlite])
def test_addresses_and_ports_are_found(tmp_path: Path, write: object) -> None:
    assert callable(write)
    write(tmp_path)
    reader = Reader()
    found = read_store(reader, str(tmp_path))
    assert reader.complaints == []
    assert [str(a) for a in found[ID].addresses()] == ["10.88.0.2"]
    ports = [(p.host_port, p.container_port, p.transport) for p in found[ID].published("web")]
    assert ports == [
        (8080, 80, Transport.TCP),
        (9000, 90, Transport.UDP),
        (9001, 91, Transport.UDP),
    ]


def test_no_store_is_nothing_and_garbage_is_told(tmp_path: Path) -> None:
    reader = Reader()
    assert read_store(reader, str(tmp_path)) == {}
    assert reader.complaints == []
    (tmp_path / "db.sql").write_bytes(b"garbage" * 100)
    assert read_store(reader, str(tmp_path)) == {}
    assert len(reader.complaints) == 1
