"""Messages of nftrace, taken apart; tests/netns/walk/test_nftrace.py compares them with nft's."""

from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from glassbridge.kernel.trace_matches import transport_matches
from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Transport
from glassbridge.wire.netlink import attribute, attribute_text, nest
from glassbridge.wire.nft_trace import TransportMatch, decode_trace

HEAD = bytes((1, 0, 0, 0))  # family inet
RULE, POLICY = 3, 1


def message(*parts: bytes, kind: int = RULE, handle: int = 7) -> bytes:
    named = [attribute_text(1, "filter"), attribute_text(2, "FORWARD")]
    numbered = [attribute(3, pack("!Q", handle))] if handle else []
    return b"".join((HEAD, *named, *numbered, attribute(4, pack("!I", kind)), *parts))


def verdict(code: int, chain: str = "") -> bytes:
    target = [attribute_text(2, chain)] if chain else []
    return nest(5, attribute(1, pack("!I", code & 0xFFFFFFFF)), *target)


def test_a_rule_that_drops() -> None:
    line = decode_trace(
        message(verdict(0), attribute(6, pack("=I", 99)), attribute(14, b"\0\0\1\0"))
    )
    assert (line.family, line.table, line.chain, line.handle) == ("inet", "filter", "FORWARD", 7)
    assert (line.verdict, line.target, line.is_policy, line.trace_id) == ("drop", "", False, 99)
    assert line.mark == 256
    assert (line.iif, line.oif, line.headers, line.ct_state) == (None, None, b"", "")


def test_verdicts() -> None:
    assert decode_trace(message(verdict(-3, "sub"))).verdict == "jump"
    assert decode_trace(message(verdict(-3, "sub"))).target == "sub"
    assert decode_trace(message(verdict(-4, "sub"))).verdict == "goto"
    assert decode_trace(message(verdict(-5))).verdict == "return"
    assert decode_trace(message(verdict(-1))).verdict == "continue"
    assert decode_trace(message(verdict(1))).verdict == "accept"
    assert decode_trace(message(verdict(3 | 5 << 16))).verdict == "queue"
    assert decode_trace(message(verdict(1 << 16))).verdict == "drop"


def test_a_policy_and_the_end_of_a_chain() -> None:
    policy = decode_trace(message(attribute(16, pack("!I", 0)), kind=POLICY, handle=0))
    assert (policy.is_policy, policy.verdict, policy.handle) == (True, "drop", 0)
    end = decode_trace(message(verdict(-1), handle=0))
    assert (end.is_policy, end.verdict, end.handle) == (False, "return", 0)


def test_links_headers_and_connection() -> None:
    line = decode_trace(
        message(
            verdict(1),
            attribute(10, pack("!I", 2)),
            attribute(12, pack("!I", 3)),
            attribute(8, b"ip"),
            attribute(9, b"udp"),
            attribute(19, b"\1"),
            attribute(21, pack("!I", 4)),
        )
    )
    assert (line.iif, line.oif, line.headers) == (2, 3, b"ipudp")
    assert (line.ct_state, line.is_reply) == ("related", True)


@given(st.binary(max_size=80))
def test_nothing_but_garbage_comes_of_garbage(octets: bytes) -> None:
    decode_trace(HEAD + octets)


def watch(transport: Transport, *, client: int = 40000, payload: bytes = b"") -> Watch:
    return Watch(
        namespaces={},
        transport=transport,
        version=4,
        client_port=client,
        server_ports=frozenset({80}),
        payload=payload,
    )


CLIENT, SERVER = pack("!H", 40000), pack("!H", 80)


def test_a_datagram_is_known_by_its_clients_port_and_its_first_octets() -> None:
    found = transport_matches(watch(Transport.UDP, payload=b"COOKIE123456"))
    cookie = b"COOKIE12"
    assert found == (
        TransportMatch(17, ((0, CLIENT),)),
        TransportMatch(17, ((2, CLIENT),)),
        TransportMatch(17, ((8, cookie),)),
        # the same in an ICMP error: its own 8 octets, 20 of the IP header that it quotes
        TransportMatch(1, ((17, b"\x11"), (28, CLIENT))),
        TransportMatch(1, ((17, b"\x11"), (30, CLIENT))),
        TransportMatch(1, ((17, b"\x11"), (36, cookie))),
    )


def test_of_a_connection_the_opening_is_known_by_the_servers_port_too() -> None:
    found = transport_matches(watch(Transport.TCP))
    assert TransportMatch(6, ((2, SERVER), (13, b"\x02"))) in found
    assert TransportMatch(6, ((0, SERVER), (13, b"\x12"))) in found
    assert all((2, SERVER) not in m.octets for m in found if len(m.octets) == 1)


def test_without_a_client_port_anything_to_the_server() -> None:
    found = transport_matches(watch(Transport.UDP, client=0))
    assert found[:2] == (TransportMatch(17, ((0, SERVER),)), TransportMatch(17, ((2, SERVER),)))


def test_an_echo_is_known_by_its_identifier_else_any_is_meant() -> None:
    assert transport_matches(watch(Transport.ICMP))[0] == TransportMatch(1, ((4, CLIENT),))
    assert transport_matches(watch(Transport.ICMP, client=0))[0] == TransportMatch(1, ())
