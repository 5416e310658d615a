"""The flags of `run` that say more than a word: -v, -e, --add-host, --cap-add, --mac-address."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.model.address import Mac, format_mac, mac_octets
from glassbridge.model.container import Mount
from glassbridge.model.names import check_name, closest

HOST_GATEWAY = "host-gateway"
"""Docker's word in `--add-host NAME:host-gateway`: the gateway of the container's network."""

CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in (  # noqa: SIM905 - a word list reads best as words
        "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN "
        "DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE "
        "MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON "
        "SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE "
        "SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
    ).split()
)
"""linux/capability.h."""

ALL_CAPABILITIES = "ALL"

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}|[0-9a-f]{2}(-[0-9a-f]{2}){5}")
_SEARCHED = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))*\.?", re.ASCII)
_DOMAIN_MAX, _LABEL_MAX = 253, 63
"""Characters (RFC 1035 §2.3.4)."""
_WORD = re.compile(r"[!-~]+")
_HOST_NAME_MAX = 64
"""Bytes (sethostname(2))."""
NO_SEARCH = "."
"""Docker's word in `--dns-search`: not even the host's list."""
_VARIABLE = re.compile(r"[^=\0]+")


def parse_volume(text: str) -> Mount:
    """Parse `-v SOURCE:TARGET[:ro|rw]`; raises Unsupported for a named volume."""
    if "\0" in text:
        raise InvalidRequest(f"volume {text!r}: a path has no NUL byte")
    match text.split(":"):
        case [source, target]:
            mode = "rw"
        case [source, target, mode]:
            pass
        case _:
            raise InvalidRequest(f"cannot read volume {text!r}", hint="SOURCE:TARGET[:ro]")
    if mode not in {"ro", "rw"}:
        raise InvalidRequest(f"volume {text!r}: bad mode {mode!r}", hint="ro or rw")
    if not source.startswith("/"):
        if not source or "/" in source or source.startswith("."):
            raise InvalidRequest(f"volume {text!r}: source {source!r} is not an absolute path")
        raise Unsupported(
            f"volume {text!r}: named volumes are not supported by glassbridge",
            hint="name a folder of the host by its absolute path",
        )
    parts = target.split("/")
    if parts[0] or ".." in parts or not target.strip("/."):
        raise InvalidRequest(
            f"volume {text!r}: target {target!r} is not an absolute path below /",
        )
    return Mount(source=source, target=target, read_only=mode == "ro")


def parse_environment(texts: Iterable[str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Parse `-e NAME=VALUE` and `-e NAME`, which takes the caller's value if it has one."""
    environment = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise InvalidRequest(f"bad environment variable {text!r}", hint="NAME=VALUE or NAME")
        if equals:
            environment[name] = value
        elif name in inherited:
            environment[name] = inherited[name]
    return environment


def parse_extra_host(text: str) -> tuple[str, str]:
    """Parse `--add-host NAME:ADDRESS` into name and address, or HOST_GATEWAY as it stands."""
    at = min((i for i in map(text.find, ":=") if i >= 0), default=-1)
    name, address = text[:at], text[at + 1 :]
    if at <= 0 or not address:
        raise InvalidRequest(f"cannot read extra host {text!r}", hint="NAME:ADDRESS")
    if len(name) > 1:
        check_name(name, "extra host")
    elif not name.isalnum():
        raise InvalidRequest(f"extra host {text!r}: bad name {name!r}")
    if address == HOST_GATEWAY:
        return name, address
    try:
        return name, _address(address.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise InvalidRequest(
            f"extra host {text!r}: {address!r} is not an address", hint=f"or {HOST_GATEWAY}"
        ) from None


def parse_hostname(text: str) -> str:
    """Check `--hostname`; it ends up in /etc/hosts as well, between blanks."""
    size = len(text.encode(errors="surrogatepass"))
    if size > _HOST_NAME_MAX:
        raise InvalidRequest(
            f"bad host name {text!r}: it is {size} bytes long, the kernel allows {_HOST_NAME_MAX}"
        )
    if not _WORD.fullmatch(text):
        raise InvalidRequest(f"bad host name {text!r}: it is one word of printable ASCII")
    return text


def parse_alias(text: str) -> str:
    """Check `--network-alias`: what can be asked for in the DNS."""
    labels = text.split(".")
    if not _WORD.fullmatch(text) or not all(0 < len(x) <= _LABEL_MAX for x in labels):
        raise InvalidRequest(
            f"bad alias {text!r}: it could not be asked for",
            hint=f"printable ASCII without blanks, at most {_LABEL_MAX} characters between dots",
        )
    return text


def parse_name_server(text: str) -> str:
    """Parse `--dns ADDRESS`."""
    try:
        return _address(text)
    except ValueError:
        raise InvalidRequest(f"--dns {text!r} is no IPv4 or IPv6 address") from None


def parse_search_domains(texts: Iterable[str]) -> tuple[str, ...]:
    """Check every `--dns-search DOMAIN`; NO_SEARCH stands alone."""
    domains = tuple(texts)
    for text in domains if domains != (NO_SEARCH,) else ():
        if not _SEARCHED.fullmatch(text) or len(text.removesuffix(".")) > _DOMAIN_MAX:
            raise InvalidRequest(
                f"--dns-search {text!r} is no domain",
                hint=f"e.g. corp.example; {NO_SEARCH} alone for none",
            )
    return domains


def parse_resolver_option(text: str) -> str:
    """Check `--dns-option OPTION`; which there are is for the container's own C library to say."""
    if not _WORD.fullmatch(text):
        raise InvalidRequest(
            f"--dns-option {text!r} is no option of resolv.conf", hint="ndots:1, timeout:3, rotate"
        )
    return text


def parse_capability(text: str) -> str:
    """Parse `--cap-add` or `--cap-drop`: `net_admin`, `CAP_NET_ADMIN` or ALL, to CAP_NET_ADMIN."""
    name = text.upper()
    if name == ALL_CAPABILITIES:
        return name
    full = name if name.startswith("CAP_") else f"CAP_{name}"
    if full not in CAPABILITIES:
        raise InvalidRequest(f"unknown capability {text!r}", hint=closest(full, CAPABILITIES))
    return full


def parse_mac(text: str) -> Mac:
    """Parse `--mac-address`; raises InvalidRequest where no link can have it."""
    octets = text.lower()
    if not _MAC.fullmatch(octets):
        raise InvalidRequest(f"bad MAC address {text!r}", hint="six octets, e.g. 02:42:ac:11:00:02")
    mac = format_mac(mac_octets(Mac(octets.replace("-", ":"))))
    if mac_octets(mac)[0] & 1:
        raise InvalidRequest(f"bad MAC address {text!r}: the multicast bit is set")
    if mac == "00:00:00:00:00:00":
        raise InvalidRequest(f"bad MAC address {text!r}: the kernel refuses it for a link")
    return mac


def _address(text: str) -> str:
    """One word: in Python the zone of an IPv6 address may have line breaks. Raises ValueError."""
    if not _WORD.fullmatch(text):
        raise ValueError("not one word")
    return str(ip_address(text))
