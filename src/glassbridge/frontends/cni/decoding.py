"""The configuration as plain JSON: what every command needs of it, whatever else may be wrong."""

from typing import Any

import msgspec

from glassbridge.errors import GlassbridgeError
from glassbridge.frontends.cni.failures import BadJson
from glassbridge.frontends.cni.invocation import check_network_name
from glassbridge.frontends.cni.versions import NEWEST, SUPPORTED, UNSAID

OWN_IPAM = ("glassbridge", "glassbridge-cni")
"""What `ipam.type` may say for our own pools; where it says nothing, a subnet says it."""

_JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
}


def decode(stdin: bytes) -> dict[str, Any]:
    """Read the configuration as plain JSON, without nulls: Go takes them for absent.

    Raises BadJson.
    """
    try:
        said = without_nulls(msgspec.json.decode(stdin))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJson(f"the network configuration is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise BadJson(f"the network configuration is no JSON object, but {_JSON_NAMES[type(said)]}")
    return said


def network_name(said: dict[str, Any]) -> str:
    """Read and check the one key that every command needs; raises InvalidRequest or BadJson."""
    name = said.get("name", "")
    if not isinstance(name, str):
        raise BadJson("the network configuration's name is no text")
    return check_network_name(name)


def version_of(said: dict[str, Any]) -> str:
    """Read the version; raises BadJson."""
    version = said.get("cniVersion", "") or UNSAID
    if not isinstance(version, str):
        raise BadJson("the network configuration's cniVersion is no text")
    return version


def version_to_answer_in(stdin: bytes) -> str:
    """The configuration's version, for an error: the newest where that one is not to be told."""
    try:
        version = version_of(decode(stdin))
    except GlassbridgeError:
        return NEWEST
    return version if version in SUPPORTED else NEWEST


def foreign_ipam_of(said: dict[str, Any]) -> str:
    """Read the IPAM plugin of a configuration that need not be right in anything else."""
    ipam = said.get("ipam")
    name = ipam.get("type") if isinstance(ipam, dict) else None
    return name if isinstance(name, str) and name not in OWN_IPAM else ""


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - plain JSON values are dynamic by nature
    """Take nulls out of plain JSON, however deep: Go takes them for absent."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value if v is not None]
    return value
