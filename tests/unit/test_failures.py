"""Every front-end says what helps in the words of its own users."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import pytest
from msgspec import to_builtins

from glassbridge.errors import Conflict, GlassbridgeError, Hint, Remedy, in_words
from glassbridge.frontends.api import failures as api
from glassbridge.frontends.cni import failures as cni
from glassbridge.frontends.docker import failures as docker
from glassbridge.frontends.netavark import failures as netavark

TOLD: dict[str, tuple[Mapping[Remedy, str], Callable[[GlassbridgeError], Any]]] = {
    "glassbridge": (api.PHRASES, lambda e: api.describe_failure(e)[1]),
    "docker": (docker.PHRASES, lambda e: docker.describe_failure(docker.ErrorKey.DRIVER, e)),
    "cni": (cni.PHRASES, lambda e: cni.describe_failure(e, "1.1.0")),
    "podman": (netavark.PHRASES, netavark.describe_failure),
}
PORT = {"free": 8081, "container_port": 80, "where": "glassbridge ports"}
FOREIGN = {
    "glassbridge": r"\b(docker|podman) ",
    "docker": r"\bpodman |glassbridge network|ipam|hostPort",
    "cni": r"\b(docker|podman) |--[a-z]|-p |-o ",
    "podman": r"\bdocker |glassbridge network|com\.docker|ipam|hostPort",
}


def facts_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("who", TOLD)
@pytest.mark.parametrize("remedy", Remedy)
def test_every_remedy_is_said_to_everybody_in_his_own_words(who: str, remedy: Remedy) -> None:
    phrases, describe = TOLD[who]
    assert facts_of(phrases.get(remedy, "")) <= facts_of(remedy)
    facts = dict.fromkeys(facts_of(remedy), "FACT")
    told = json.dumps(to_builtins(describe(Conflict("no", hint=Hint(remedy, **facts)))))
    assert re.search(r"[{}]\w+[{}]", told) is None, "a fact that was not filled in"
    assert re.search(FOREIGN[who], told) is None


def test_a_port_that_is_taken() -> None:
    error = Conflict(
        "host port 8080/tcp is taken by web", hint=Hint(Remedy.OTHER_HOST_PORT, **PORT)
    )
    flag = "choose another, e.g. -p 8081:80, or see: glassbridge ports"
    sentence = f"host port 8080/tcp is taken by web ({flag})"
    assert api.describe_failure(error)[1].hint == flag
    assert docker.describe_failure(docker.ErrorKey.DRIVER, error) == {"Err": sentence}
    assert netavark.describe_failure(error).error == sentence
    told = cni.describe_failure(error, "1.1.0")
    assert told.msg == "host port 8080/tcp is taken by web"
    assert told.details == "choose another hostPort, e.g. 8081, or see: glassbridge ports"


def test_what_is_plain_stays_as_it_is() -> None:
    """Braces in it are somebody's name, not a place for a fact."""
    assert in_words("see: {free}", {Remedy.OTHER_HOST_PORT: "no"}) == "see: {free}"
    hint = Hint(Remedy.LOOK_AT_NETWORK, network="{free}")
    assert in_words(hint, {}) == hint == "look at network {free}"
    assert in_words(hint, {Remedy.LOOK_AT_NETWORK: "see {network}"}) == "see {free}"
