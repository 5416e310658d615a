"""What is shipped beside the program fits the program."""

from configparser import ConfigParser
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from glassbridge.app.paths import DOCKER_SOCKET
from glassbridge.app.systemd import API, DOCKER
from glassbridge.model.kernel_names import DEFAULT_BRIDGE, bridge_name, host_end_name

PACKAGING = Path(__file__).parents[2] / "packaging"
OURS = (DEFAULT_BRIDGE, bridge_name("0123456789abcdef"), host_end_name("f" * 64))
OTHERS = ("eth0", "docker0", "wlan0", "gb1", "veth0", "veth-longer-than", "br-0123456789ab")


def read(path: str) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign] # keys have their case
    assert parser.read(PACKAGING / path)
    return parser


@pytest.mark.parametrize(
    ("path", "patterns"),
    [
        (
            "networkd/05-glassbridge.network",
            read("networkd/05-glassbridge.network")["Match"]["Name"].split(),
        ),
        (
            "NetworkManager/90-glassbridge.conf",
            [
                rule.removeprefix("interface-name:")
                for rule in read("NetworkManager/90-glassbridge.conf")["device-glassbridge"][
                    "match-device"
                ].split(",")
            ],
        ),
    ],
)
def test_others_leave_our_links_alone_and_only_ours(path: str, patterns: list[str]) -> None:
    for name in map(str, OURS):
        assert any(fnmatchcase(name, pattern) for pattern in patterns), (path, name)
    for name in OTHERS:
        assert not any(fnmatchcase(name, pattern) for pattern in patterns), (path, name)


def test_the_units_fit_the_daemon() -> None:
    service = read("systemd/glassbridge.service")["Service"]
    assert service["Type"] == "notify"
    assert service["KillMode"] == "process", "containers outlive the daemon"
    assert service["Delegate"] == "yes"
    assert service["ExecStart"].endswith("glassbridge daemon")
    listener = read("systemd/glassbridge.socket")["Socket"]
    assert listener["ListenStream"] == "/run/glassbridge/glassbridge.sock"
    assert listener["FileDescriptorName"] == API
    assert listener["SocketMode"] == "0600"


def test_docker_s_socket_is_there_before_docker() -> None:
    unit = read("systemd/glassbridge-docker.socket")
    assert unit["Socket"]["ListenStream"] == str(DOCKER_SOCKET)
    assert unit["Socket"]["FileDescriptorName"] == DOCKER
    assert unit["Socket"]["Service"] == "glassbridge.service"
    assert unit["Socket"]["SocketMode"] == "0600"
    assert unit["Unit"]["Before"] == "docker.service"
    assert read("systemd/glassbridge.service")["Unit"]["Before"] == "docker.service"
