"""Versions of the CNI specification: which there are, and what came with which."""

from glassbridge.frontends.cni.failures import IncompatibleVersion

SUPPORTED = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST = SUPPORTED[-1]
UNSAID = SUPPORTED[0]
"""What a configuration without `cniVersion` means (libcni, ConfigDecoder)."""

_SINCE = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}


def check_version(version: str, command: str) -> None:
    """Refuse what this version does not know; raises IncompatibleVersion."""
    if version not in SUPPORTED:
        raise IncompatibleVersion(
            f"cniVersion {version[:40]!r} is not supported", hint=f"one of {', '.join(SUPPORTED)}"
        )
    since = _SINCE.get(command, UNSAID)
    if not at_least(version, since):
        raise IncompatibleVersion(
            f"config version {version} does not allow {command}", hint=f"it came with {since}"
        )


def at_least(version: str, other: str) -> bool:
    """Whether a supported version is another one, or newer."""
    return SUPPORTED.index(version) >= SUPPORTED.index(other)
