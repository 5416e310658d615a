"""Names of the DNS and of /etc/hosts, as last resort for what no engine knows."""

import re
import socket
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from glassbridge.errors import NotFound
from glassbridge.model.address import IPAddress

_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
_HOSTS = Path("/etc/hosts")


def look_up(name: str) -> tuple[IPAddress, ...]:
    """The addresses of a name, asked in the host's namespace; raises NotFound.

    A word without a dot that /etc/hosts does not have is not sent to a name server: it is a
    misspelt container more likely than a host, and the answer may take seconds.
    """
    if _NUMBERS.fullmatch(name):
        # the C library reads 10.0.1 as 10.0.0.1: who left out a number does not mean that
        raise NotFound(
            f"{name} is no container, and no IPv4 address: that has four numbers from 0 to 255"
        )
    if "." not in name.strip(".") and name not in _listed_words():
        raise NotFound(f"no such container: {name}")
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotFound(f"{name} is no container, and no host name: {error.strerror}") from error
    except UnicodeError:
        raise NotFound(f"no such container: {name}") from None
    found = dict.fromkeys(ip_address(str(place[0])) for *_, place in answers)
    return tuple(found)


def _listed_words() -> set[str]:
    with suppress(OSError):
        lines = _HOSTS.read_text(errors="replace").splitlines()
        return {word for line in lines for word in line.partition("#")[0].split()[1:]}
    return set()
