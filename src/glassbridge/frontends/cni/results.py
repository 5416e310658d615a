"""What ADD prints: one value, and its JSON in each version of the specification."""

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec
from msgspec import Struct, field

from glassbridge.frontends.cni.failures import BadJson
from glassbridge.frontends.cni.versions import at_least, check_version
from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, to_builtins


class Interface(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A link; `sandbox` is CNI_NETNS for those inside, and empty on the host."""

    name: str
    mac: str = ""
    mtu: int = 0
    sandbox: str = ""
    socket_path: str = field(default="", name="socketPath")
    pci_id: str = field(default="", name="pciID")


class Ip(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An address, on one of the interfaces by its index."""

    address: IPInterface
    gateway: IPAddress | None = None
    interface: int | None = None


class Route(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A route of the sandbox; from mtu on since 1.1.0."""

    dst: IPNetwork
    gw: IPAddress | None = None
    mtu: int | None = None
    advmss: int | None = None
    priority: int | None = None
    table: int | None = None
    scope: int | None = None


class Dns(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Name servers, as whoever writes resolv.conf wants them."""

    nameservers: tuple[str, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a plugin, or a whole chain, made."""

    interfaces: tuple[Interface, ...] = ()
    ips: tuple[Ip, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: Dns = field(default_factory=Dns)


class _OldIp(Struct, frozen=True, kw_only=True):
    ip: IPInterface
    gateway: IPAddress | None = None
    routes: tuple[Route, ...] = ()


class _OldResult(Struct, frozen=True, kw_only=True):
    ip4: _OldIp | None = None
    ip6: _OldIp | None = None
    dns: Dns = field(default_factory=Dns)


def parse_result(said: object, version: str, what: str) -> Result:
    """Read a result, without nulls; raises IncompatibleVersion, or BadJson naming `what`."""
    check_version(version, what)
    try:
        if at_least(version, "0.3.0"):
            result = msgspec.convert(said, Result, dec_hook=parse_text)
        else:
            result = _from_old(msgspec.convert(said, _OldResult, dec_hook=parse_text))
    except msgspec.ValidationError as error:
        raise BadJson(f"{what}: {error}") from None
    for ip in result.ips:
        if ip.interface is not None and not 0 <= ip.interface < len(result.interfaces):
            raise BadJson(
                f"{what}: {ip.address} is on interface {ip.interface}, which is not there"
            )
    return result


def render_result(result: Result, version: str) -> dict[str, Any]:
    """Write a result for a supported version; what that version has no word for is left out."""
    if not at_least(version, "0.3.0"):
        return {"cniVersion": version, **_to_old(result)}
    told: dict[str, Any] = {"cniVersion": version, **to_builtins(result)}
    if result.dns == Dns():
        told.pop("dns", None)
    if not at_least(version, "1.1.0"):
        told |= _only(told, "interfaces", ("name", "mac", "sandbox"))
        told |= _only(told, "routes", ("dst", "gw"))
    if not at_least(version, "1.0.0"):
        for ip, value in zip(told.get("ips", ()), result.ips, strict=True):
            ip["version"] = str(value.address.version)
    return told


def _only(told: dict[str, Any], key: str, names: tuple[str, ...]) -> dict[str, Any]:
    if key not in told:
        return {}
    return {key: [{n: entry[n] for n in names if n in entry} for entry in told[key]]}


def _from_old(old: _OldResult) -> Result:
    there = [i for i in (old.ip4, old.ip6) if i is not None]
    return Result(
        ips=tuple(Ip(address=i.ip, gateway=i.gateway) for i in there),
        routes=tuple(r for i in there for r in i.routes),
        dns=old.dns,
    )


def _to_old(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for version in (4, 6):
        ip = next((i for i in result.ips if i.address.version == version), None)
        if ip is None:
            continue
        part: dict[str, Any] = {"ip": str(ip.address)}
        if ip.gateway is not None:
            part["gateway"] = str(ip.gateway)
        routes = [r for r in result.routes if r.dst.version == version]
        if routes:
            part |= _only({"routes": to_builtins(routes)}, "routes", ("dst", "gw"))
        told[f"ip{version}"] = part
    if result.dns != Dns():
        told["dns"] = to_builtins(result.dns)
    return told


def parse_text(expected: Any, value: object) -> Any:  # noqa: ANN401 - msgspec's own signature
    """Read an address of any kind; where a Go program writes a route, host bits may be set."""
    if not isinstance(value, str):
        raise TypeError("an address as text is needed")
    if expected is IPAddress:
        return ip_address(value)
    if expected is IPInterface:
        return ip_interface(value)
    return ip_network(value, strict=False)
