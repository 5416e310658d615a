"""Two networks and who lives there, for tests of names; dnspython asks, and reads the answers."""

from ipaddress import ip_address, ip_network

import dns.flags
import dns.message
import dns.rdatatype

from glassbridge.dns.answering import Forward, respond
from glassbridge.dns.names import Names
from glassbridge.dns.zone import Member, NetworkNames
from glassbridge.model.endpoint import SandboxId
from glassbridge.model.network import NetworkId

BLUE_GATEWAY, RED_GATEWAY, CLOSED_GATEWAY = "172.18.0.1", "172.19.0.1", "172.20.0.1"
BLUE_GATEWAY6 = "fd00:18::1"
WEB, DB, OLD, BOTH, LONE = "172.18.0.2", "172.18.0.3", "172.18.0.4", "172.18.0.5", "172.20.0.2"
BOTH_IN_RED, RED = "172.19.0.5", "172.19.0.2"
OWN_SERVER = ip_address("9.9.9.9")


def member(names: str, *addresses: str, sandbox: str = "", servers: tuple[str, ...] = ()) -> Member:
    return Member(
        sandbox=SandboxId(sandbox or names),
        names=tuple(names.split()),
        addresses=tuple(map(ip_address, addresses)),
        servers=tuple(map(ip_address, servers)),
    )


BLUE = NetworkNames(
    id=NetworkId("b" * 64),
    name="Blue",
    gateways=(ip_address(BLUE_GATEWAY), ip_address(BLUE_GATEWAY6)),
    subnets=(ip_network("172.18.0.0/16"), ip_network("fd00:18::/64")),
    members=(
        member("web 0123456789ab www pool", WEB, "fd00:18::2"),
        member("db pool", DB, servers=("9.9.9.9",)),
        member("old", OLD),
        member("both", BOTH, sandbox="both"),
    ),
)
RED_NETWORK = NetworkNames(
    id=NetworkId("e" * 64),
    name="red.net",
    gateways=(ip_address(RED_GATEWAY),),
    subnets=(ip_network("172.19.0.0/16"),),
    members=(member("redis", RED), member("both", BOTH_IN_RED, sandbox="both")),
)
CLOSED = NetworkNames(
    id=NetworkId("c" * 64),
    name="closed",
    gateways=(ip_address(CLOSED_GATEWAY),),
    subnets=(ip_network("172.20.0.0/16"),),
    internal=True,
    members=(member("lone", LONE),),
)
VILLAGE = (BLUE, RED_NETWORK, CLOSED)


def ask(
    question: dns.message.QueryMessage | bytes,
    *,
    at: str = BLUE_GATEWAY,
    asker: str = WEB,
    turn: int = 0,
    over_tcp: bool = False,
    names: Names | None = None,
) -> bytes | Forward | None:
    """Ask the village, or others."""
    wire = question if isinstance(question, bytes) else question.to_wire()
    there = Names(VILLAGE) if names is None else names
    return respond(wire, there, asked_at=at, asker=asker, turn=turn, over_tcp=over_tcp)


def answered(
    name: str,
    kind: str = "A",
    *,
    at: str = BLUE_GATEWAY,
    asker: str = WEB,
    turn: int = 0,
    over_tcp: bool = False,
    edns: bool = False,
    names: Names | None = None,
) -> dns.message.Message:
    """Ask what is answered at once, and read it with dnspython."""
    question = dns.message.make_query(name, kind, use_edns=edns)
    wire = ask(question, at=at, asker=asker, turn=turn, over_tcp=over_tcp, names=names)
    assert isinstance(wire, bytes)
    message = dns.message.from_wire(wire)
    assert question.is_response(message)
    assert (message.edns == 0) is edns
    return message


def data_of(message: dns.message.Message) -> list[str]:
    """What the records of an answer say, in order."""
    return [str(record) for rrset in message.answer for record in rrset]


def first_of(message: dns.message.Message) -> str:
    return data_of(message)[0]
