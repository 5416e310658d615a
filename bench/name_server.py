"""Our name server in a process of its own, with names by the thousand; run by bench.names."""

import asyncio
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from glassbridge.dns.zone import Member, NetworkNames
from glassbridge.frontends.dns.server import NameServer
from glassbridge.frontends.dns.sockets import Place
from glassbridge.kernel.name_sockets import open_name_sockets
from glassbridge.model.endpoint import SandboxId
from glassbridge.model.network import NetworkId

GATEWAY, PORT = IPv4Address("10.98.0.1"), 5300
NETWORK, SUBNET = NetworkId("0" * 64), IPv4Network("10.98.0.0/16")


def container(number: int) -> tuple[str, IPv4Address]:
    """A name, and the address that is the answer."""
    return f"web-{number}", GATEWAY + 1 + number


class Containers:
    """Names that do not change."""

    version = 1

    def __init__(self, count: int) -> None:
        self._networks = (
            NetworkNames(
                id=NETWORK,
                name="bench",
                gateways=(GATEWAY,),
                subnets=(SUBNET,),
                members=tuple(
                    Member(
                        sandbox=SandboxId(name), names=(name, f"{address}"), addresses=(address,)
                    )
                    for name, address in map(container, range(count))
                ),
            ),
        )

    def networks(self) -> tuple[NetworkNames, ...]:
        return self._networks


async def serve(count: int) -> None:
    server = NameServer(Containers(count), resolv_conf=Path("/nonexistent"))
    sockets = open_name_sockets(NETWORK, GATEWAY, PORT)
    server.adopt(Place(GATEWAY, PORT), sockets.udp, sockets.tcp)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
