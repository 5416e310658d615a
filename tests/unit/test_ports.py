"""`-p` and back."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPAddress
from glassbridge.model.endpoint import PortWish, Protocol
from glassbridge.model.ports import format_ports, parse_ports


def wish(
    container: int,
    host: tuple[int, int] | None = None,
    address: str = "",
    protocol: Protocol = Protocol.TCP,
) -> PortWish:
    return PortWish(
        container_port=container,
        host_ports=host,
        host_address=ip_address(address) if address else None,
        protocol=protocol,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [wish(80)]),
        ("80/udp", [wish(80, protocol=Protocol.UDP)]),
        ("80/SCTP", [wish(80, protocol=Protocol.SCTP)]),
        ("8080:80", [wish(80, (8080, 8080))]),
        (":8080:80", [wish(80, (8080, 8080))]),
        (":80", [wish(80)]),
        ("8080:80/udp", [wish(80, (8080, 8080), protocol=Protocol.UDP)]),
        ("127.0.0.1:8080:80", [wish(80, (8080, 8080), "127.0.0.1")]),
        ("127.0.0.1::80", [wish(80, None, "127.0.0.1")]),
        ("0.0.0.0:8080:80", [wish(80, (8080, 8080), "0.0.0.0")]),
        ("[2001:db8::1]:8080:80", [wish(80, (8080, 8080), "2001:db8::1")]),
        ("[::]::80/udp", [wish(80, None, "::", Protocol.UDP)]),
        ("80-82", [wish(80), wish(81), wish(82)]),
        ("8000-8002:80-82", [wish(80 + i, (8000 + i, 8000 + i)) for i in range(3)]),
        ("8000-8010:80", [wish(80, (8000, 8010))]),
        ("65535:65535", [wish(65535, (65535, 65535))]),
    ],
)
def test_what_docker_takes(text: str, expected: list[PortWish]) -> None:
    assert list(parse_ports(text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "bad container port 0: must be 1 to 65535"),
        ("70000", "bad container port 70000"),
        ("70000:80", "bad host port 70000"),
        ("0:80", "bad host port 0"),
        ("9" * 5000, "bad container port"),
        ("80:x", "bad container port 'x': not a number"),
        ("٣:80", "bad host port '٣': not a number"),
        ("+1:80", "not a number"),
        ("1_0:80", "not a number"),
        ("127.0.0.1:80", "bad host port '127.0.0.1'"),
        ("90-80", "container port range 90-80 runs backwards"),
        ("90-80:1-11", "range"),
        ("8000-8001:80-82", "2 host ports for 3 container ports"),
        ("8080:80-82", "1 host ports for 3 container ports"),
        ("80-:80", "bad host port ''"),
        ("1-2-3:80", "bad host port '2-3'"),
        ("80/icmp", "bad protocol 'icmp'"),
        ("80/", "bad protocol ''"),
        ("", "cannot read"),
        ("/tcp", "cannot read"),
        ("8080:", "cannot read"),
        ("a:b:c:d", "cannot read"),
        ("::1:8080:80", "cannot read"),
        ("[::1:8080:80", "cannot read"),
        ("[::1]8080:80", "cannot read"),
        ("80\n", "not a number"),
        ("localhost:8080:80", "bad host address 'localhost'"),
        ("256.0.0.1:8080:80", "bad host address"),
        ("[127.0.0.1]:8080:80", "bad host address"),
        ("[::g]:8080:80", "bad host address"),
        ("[fe80::1%eth0]:8080:80", "zone"),
        ("[fe80::1]:8080:80", "link-local"),
        ("224.0.0.1:8080:80", "multicast"),
        ("[::1]:8080:80", "the kernel cannot translate ::1"),
        ("[0:0::1]::80", "the kernel cannot translate ::1"),
    ],
)
def test_an_error_names_the_part(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        parse_ports(text)


def test_hints() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_ports("2001:db8::1:8080:80")
    assert "brackets" in caught.value.hint
    with pytest.raises(InvalidRequest) as caught:
        parse_ports("[::1]:8080:80")
    assert "127.0.0.1" in caught.value.hint


ports = st.integers(1, 65535)


def _servable(address: IPAddress) -> bool:
    if isinstance(address, IPv6Address) and (address.scope_id or address.is_link_local):
        return False
    return not address.is_multicast and address != IPv6Address("::1")


wishes = st.builds(
    PortWish,
    container_port=ports,
    protocol=st.sampled_from(Protocol),
    host_address=st.none() | st.ip_addresses().filter(_servable),
    host_ports=st.none() | st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair))),
)


@given(wishes)
def test_what_is_written_is_read_again(asked: PortWish) -> None:
    assert parse_ports(format_ports(asked)) == (asked,)


@given(ports, ports, st.integers(0, 20))
def test_a_range_maps_one_to_one(host: int, container: int, more: int) -> None:
    host, container = min(host, 65535 - more), min(container, 65535 - more)
    parsed = parse_ports(f"{host}-{host + more}:{container}-{container + more}")
    if more:
        assert [(w.container_port - container, w.host_ports) for w in parsed] == [
            (i, (host + i, host + i)) for i in range(more + 1)
        ]
    else:
        assert parsed == (wish(container, (host, host)),)


@given(st.text(alphabet="0123456789:.-/[]tcpudx %", max_size=30))
def test_nothing_but_the_declared_error_comes_out(text: str) -> None:
    try:
        parsed = parse_ports(text)
    except InvalidRequest:
        return
    assert parsed
    for one in parsed:
        assert 1 <= one.container_port <= 65535
        assert one.host_address is None or isinstance(one.host_address, IPv4Address | IPv6Address)
