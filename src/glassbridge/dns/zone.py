"""What is known of names on each network: the value that every answer is made from."""

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.endpoint import Endpoint, Sandbox, SandboxId
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import NetworkId


class Member(Struct, frozen=True, kw_only=True):
    """A sandbox as its siblings on one network know it.

    Who is on several networks is a member of each, and is answered at any of their gateways for
    all of them: resolvers take the first server's "no such name" as final.
    """

    sandbox: SandboxId
    names: tuple[str, ...]
    """Lower case: its name, its aliases there, its short id, its hostname."""
    addresses: tuple[IPAddress, ...]
    servers: tuple[IPAddress, ...] = ()
    """Where its own questions about other names go; empty: to the host's resolvers."""


class NetworkNames(Struct, frozen=True, kw_only=True):
    """One network: it is asked at its gateways' addresses, by its members alone."""

    id: NetworkId
    name: str
    gateways: tuple[IPAddress, ...]
    subnets: tuple[IPNetwork, ...] = ()
    """Whose address in them nobody bears, nobody else knows: others are not asked."""
    internal: bool = False
    """Nothing is asked of others."""
    members: tuple[Member, ...] = ()


def names_of(sandbox: Sandbox, endpoint: Endpoint, hostname: str) -> tuple[str, ...]:
    """What a member is called on a network, in lower case."""
    names = (sandbox.name, *endpoint.aliases, sandbox.id[:SHORT_ID], hostname)
    return tuple(dict.fromkeys(name.lower() for name in names if name))
