"""The program that container runtimes start, and its configuration: written whole, or not."""

import difflib
import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from glassbridge.app.client import root_needed
from glassbridge.errors import InvalidRequest, Unavailable
from glassbridge.frontends.cni.addressing import parse_subnet
from glassbridge.model.names import check_network_name

CNI_PROGRAM = "glassbridge-cni"
NETAVARK_PROGRAM = "glassbridge"
"""Podman takes the file's name for the driver's."""

_MARK = b"/glassbridge.sock"
"""Stands in every program of ours."""

_CAPABILITIES = ("portMappings", "ips", "mac", "ipRanges", "dns", "aliases", "bandwidth")
_CNI_VERSION = "1.0.0"
"""The newest that Debian 12's containerd and Podman 4 know."""


def install_program(path: Path) -> str:
    """Put the program there, whole at any moment; the language that it is written in.

    A program that runs cannot be written to (ETXTBSY), but its name can be given to another file.
    """
    if _is_foreign(path):
        raise InvalidRequest(
            f"{path} is there already and is not ours", hint="remove it, or choose another folder"
        )
    source, language = _program()
    _write(path, source, 0o755)
    return language


def remove_program(path: Path) -> bool:
    """Remove it; false if it was not there."""
    if _is_foreign(path):
        raise InvalidRequest(f"{path} is not ours", hint="remove it by hand if it is to go")
    return _remove(path)


def install_configuration(path: Path, wanted: str) -> str:
    """Write the list unless there is one; the difference between what is there and what would be.

    None of a list that an administrator changed is lost.
    """
    try:
        present = path.read_text()
    except FileNotFoundError:
        _write(path, wanted.encode(), 0o644)
        return ""
    before, after = (text.splitlines(keepends=True) for text in (present, wanted))
    return "".join(difflib.unified_diff(before, after, str(path), "as glassbridge would write it"))


def remove_configuration(path: Path) -> bool:
    """Remove a list that has our plugin; false if there is none."""
    try:
        is_ours = _names_our_plugin(path)
    except FileNotFoundError:
        return False
    if not is_ours:
        raise InvalidRequest(f"{path} is not ours", hint="remove it by hand if it is to go")
    return _remove(path)


def configurations(folder: Path) -> list[Path]:
    """The lists that have our plugin, whoever wrote them."""
    found = []
    for path in sorted(folder.glob("*.conflist")):
        with suppress(OSError):
            if _names_our_plugin(path):
                found.append(path)
    return found


def _names_our_plugin(path: Path) -> bool:
    text = path.read_bytes()
    try:
        return any(plugin.get("type") == CNI_PROGRAM for plugin in json.loads(text)["plugins"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def conflist(name: str, subnet: str) -> str:
    """Write down a network for `install_configuration`; raises InvalidRequest."""
    plugin: dict[str, Any] = {
        "type": CNI_PROGRAM,
        "isDefaultGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {"type": "glassbridge", "ranges": [[{"subnet": str(parse_subnet(subnet))}]]},
        "capabilities": dict.fromkeys(_CAPABILITIES, True),
    }
    network = {
        "cniVersion": _CNI_VERSION,
        "name": check_network_name(name),
        "plugins": [plugin],
    }
    return json.dumps(network, indent=2) + "\n"


def _program() -> tuple[bytes, str]:
    """The compiled one of the wheel, else the one in Python."""
    folders = (Path(__file__).with_name("plugin"), Path(__file__).parents[3] / "packaging/plugin")
    for folder in folders:
        with suppress(FileNotFoundError):
            return (folder / "plugin").read_bytes(), "C"
    for folder in folders:
        with suppress(FileNotFoundError):
            return _with_interpreter((folder / "plugin.py").read_bytes()), "Python"
    raise Unavailable("the plugin's program is missing from this installation", hint="reinstall it")


def _with_interpreter(script: bytes) -> bytes:
    """The system's Python where there is one: it does not go away with a virtual environment."""
    _, _, rest = script.partition(b"\n")
    system = Path("/usr/bin/python3")
    python = system if system.exists() else Path(os.path.realpath(sys.executable))
    return b"#!%s -IS\n%s" % (os.fsencode(python), rest)


def _is_foreign(path: Path) -> bool:
    try:
        return _MARK not in path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _refused(path, error) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise _refused(path, error) from error


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _refused(path, error) from error
    return True


def _refused(path: Path, error: OSError) -> Exception:
    if isinstance(error, PermissionError) and os.geteuid() != 0:
        return root_needed()
    return Unavailable(f"{path}: {error.strerror}", hint="choose another folder")
