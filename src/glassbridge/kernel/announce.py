"""Tell a network that the MAC of an address may have changed."""

import socket
import threading
from collections.abc import Iterable

from glassbridge.errors import KernelRefused
from glassbridge.kernel.netns import inside
from glassbridge.model.address import IPAddress, Mac, mac_octets
from glassbridge.model.network import Ifname
from glassbridge.wire.announcements import announcement

_NO_PROTOCOL = 0


def announce(netns: int, ifname: Ifname, addresses: Iterable[IPAddress], mac: Mac) -> None:
    """Send one gratuitous ARP or unsolicited NA per address out of a link; raises KernelRefused."""
    with inside(netns):
        # no protocol: it would otherwise receive, and slow down, whatever passes
        frames = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NO_PROTOCOL
        )
    try:
        for address in addresses:
            _send(frames, ifname, address, mac)
    finally:
        # closing one waits 12 ms for an RCU grace period (packet_release): nobody else shall
        threading.Thread(target=frames.close, name="close-announcer").start()


def _send(frames: socket.socket, ifname: Ifname, address: IPAddress, mac: Mac) -> None:
    try:
        frames.bind((ifname, _NO_PROTOCOL))
        frames.send(announcement(address, mac_octets(mac)))
    except OSError as error:
        raise KernelRefused(f"announce {address} at {mac} on {ifname}", error.errno or 0) from error
