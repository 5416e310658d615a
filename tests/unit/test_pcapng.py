"""Capture files: every block as the draft lays it out, and read back by Wireshark's own tools."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit import walk_story

from glassbridge.app.walk_pcap import pcap_of
from glassbridge.errors import InvalidRequest
from glassbridge.model.report import TraceReport
from glassbridge.wire.packet_identity import packet_identity
from glassbridge.wire.pcapng import (
    Capture,
    CapturedFrame,
    Direction,
    Interface,
    Reception,
    encode_capture,
)

texts = st.text(max_size=40)
frames = st.builds(
    CapturedFrame,
    interface=st.just(0),
    at_ns=st.integers(0, 2**64 - 1),
    octets=st.binary(max_size=80),
    original_length=st.integers(80, 70_000),
    packet_id=st.none() | st.integers(0, 2**64 - 1),
    direction=st.sampled_from(Direction),
    reception=st.sampled_from(Reception),
    comments=st.tuples(texts) | st.tuples(texts, st.just("é" * 40_000)),
)
captures = st.builds(
    Capture,
    interfaces=st.lists(
        st.builds(Interface, name=texts, description=texts, mac=st.none() | st.just(b"\2BCDEF")),
        min_size=1,
        max_size=3,
    ).map(tuple),
    frames=st.lists(frames, max_size=4).map(tuple),
    names=st.lists(st.tuples(st.ip_addresses(), st.text(min_size=1, max_size=300)), max_size=3).map(
        tuple
    ),
    program=texts,
    comments=st.tuples(texts),
)


def blocks(file: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each, read forwards; the length behind must equal the one before."""
    at = 0
    while at < len(file):
        kind, length = unpack_from("<II", file, at)
        assert length % 4 == 0
        assert unpack_from("<I", file, at + length - 4) == (length,)
        yield kind, file[at + 8 : at + length - 4]
        at += length
    assert at == len(file)


def options(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Code and value of each, up to the end that must be there."""
    while True:
        code, length = unpack_from("<HH", body, at)
        if code == 0:
            assert at + 4 == len(body)
            return
        yield code, body[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


@given(captures)
def test_every_frame_comes_back_out_of_its_block(capture: Capture) -> None:
    found = list(blocks(encode_capture(capture)))
    assert found[0][0] == 0x0A0D0D0A
    assert [kind for kind, _ in found].count(1) == len(capture.interfaces)
    packets = [body for kind, body in found if kind == 6]
    assert len(packets) == len(capture.frames)
    for frame, body in zip(capture.frames, packets, strict=True):
        interface, high, low, captured, original = unpack_from("<IIIII", body)
        assert (interface, high << 32 | low) == (frame.interface, frame.at_ns)
        assert (captured, original) == (len(frame.octets), frame.original_length)
        assert body[20 : 20 + captured] == frame.octets
        said = list(options(body, 20 + (captured + 3) // 4 * 4))
        comments = [value.decode() for code, value in said if code == 1]
        wanted = [c for c in frame.comments if c]
        assert all(w.startswith(c) for c, w in zip(comments, wanted, strict=True))
        flags = int.from_bytes(dict(said)[2], "little")
        assert (flags & 3, flags >> 2) == (frame.direction, frame.reception)
        packet_id = dict(said).get(5)
        assert (int.from_bytes(packet_id, "little") if packet_id else None) == frame.packet_id


def tshark(file: bytes, folder: Path, *arguments: str) -> str:
    path = folder / "walk.pcapng"
    path.write_bytes(file)
    done = subprocess.run(
        ["tshark", "-n", "-r", path, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "walk.pcapng" not in done.stderr, done.stderr  # damaged, cut short
    return done.stdout


def rows(file: bytes, folder: Path, *fields: str) -> list[list[str]]:
    """The fields of every packet, as Wireshark dissects it."""
    wanted = [word for field in fields for word in ("-e", field)]
    text = tshark(file, folder, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", *wanted)
    return [line.split("\t") for line in text.splitlines()]


@pytest.mark.parametrize("report", [walk_story.delivered(), walk_story.dropped()])
def test_wireshark_reads_every_frame_at_its_interface(report: TraceReport, tmp_path: Path) -> None:
    assert report.observation is not None
    file = pcap_of(report, walk_story.snapshot())
    found = rows(file, tmp_path, "frame.interface_name", "frame.time_epoch", "frame.len")
    assert len(found) == len(report.observation.sightings)
    names = {(1, 11): "veth9c02e56@host", (1, 12): "vethb4963f3@host"}
    names |= {(4101, 2): "eth0@nginx-1", (4102, 2): "eth0@nginx-2"}
    for sighting, (name, time, length) in zip(report.observation.sightings, found, strict=True):
        assert name == names[sighting.cookie, int(sighting.ifindex)]
        whole, _, fraction = time.partition(".")
        assert int(whole) * 10**9 + int(fraction) == sighting.at_ns
        assert int(length) == sighting.length


def test_the_same_packet_has_one_id_on_every_interface(tmp_path: Path) -> None:
    file = pcap_of(walk_story.delivered(), walk_story.snapshot())
    ids: dict[str, set[tuple[str, str]]] = {}
    for packet_id, protocol, flags in rows(
        file, tmp_path, "frame.packet_id", "eth.type", "tcp.flags"
    ):
        ids.setdefault(packet_id, set()).add((protocol, flags))
    # the ARP exchange, the SYN, the SYN-ACK
    assert sorted(map(len, ids.values())) == [1, 1, 1]
    assert len(set.union(*ids.values())) == 3


def test_directions_and_receivers_are_told(tmp_path: Path) -> None:
    file = pcap_of(walk_story.delivered(), walk_story.snapshot())
    fields = ("frame.packet_flags_direction", "frame.packet_flags_reception_type")
    found = rows(file, tmp_path, *fields)
    assert found[0] == ["0x00000002", "0"]
    assert found[1] == ["0x00000001", "3"]


def test_every_hop_and_the_drop_are_comments(tmp_path: Path) -> None:
    report = walk_story.dropped()
    file = pcap_of(report, walk_story.snapshot())
    said = [row[0] for row in rows(file, tmp_path, "frame.comment")]
    text = "\n".join(said)
    for hop in report.hops:
        assert text.count(f"hop {hop.n}/{len(report.hops)} ") == 1
    assert "hop 5/6 FDB 02:42:ac:11:00:03 -> port 2 vethb4963f3" in text
    end = "DROPPED NETFILTER_DROP nft_do_chain rule inet fw f #5 BRIDGE_NETFILTER"
    assert said[-1].endswith(end)
    assert text.count("DROPPED") == 1


def test_addresses_have_the_names_of_containers(tmp_path: Path) -> None:
    file = pcap_of(walk_story.delivered(), walk_story.snapshot())
    path = tmp_path / "named.pcapng"
    path.write_bytes(file)
    done = subprocess.run(
        ["tshark", "-r", path, "-N", "n", "-Y", "tcp", "-T", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    ip = json.loads(done.stdout)[0]["_source"]["layers"]["ip"]
    assert (ip["ip.src_host"], ip["ip.dst_host"]) == ("nginx-1", "nginx-2")


def test_capinfos_finds_the_interfaces_and_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "walk.pcapng"
    path.write_bytes(pcap_of(walk_story.delivered(), walk_story.snapshot()))
    done = subprocess.run(["capinfos", path], capture_output=True, text=True, check=True)
    assert "Number of interfaces in file: 4" in done.stdout
    assert "172.17.0.3:80/tcp DELIVERED" in done.stdout
    assert "netns cookie 4101 inode 4026534101 ifindex 2 veth peer veth9c02e56@host" in done.stdout
    assert "Capture application: glassbridge" in done.stdout


def test_nothing_seen_is_refused_with_a_way_out() -> None:
    unseen = replace(walk_story.delivered(), observation=None)
    with pytest.raises(InvalidRequest) as refused:
        pcap_of(unseen, walk_story.snapshot())
    assert "probe" in refused.value.hint


def test_a_walk_gives_the_same_bytes_each_time() -> None:
    one, two = (pcap_of(walk_story.delivered(), walk_story.snapshot()) for _ in range(2))
    assert one == two


@given(st.ip_addresses(v=4), st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_translation_leaves_a_packet_the_same(address: object, port: int, sequence: int) -> None:
    """What NAT and routing change is not part of the identity; the next packet has another."""
    syn = walk_story.SYN
    moved = replace(syn, destination=ip_address(str(address)), destination_port=port)

    def identity(packet: object, number: int) -> bytes:
        assert isinstance(packet, type(syn))
        return packet_identity(walk_story.tcp(packet, sequence=number, acknowledged=0, flags=2))

    assert identity(syn, sequence) == identity(moved, sequence)
    assert identity(syn, sequence) != identity(syn, (sequence + 1) % 2**32)
