"""From a request to the sandbox that it means."""

import secrets
import time

from msgspec.structs import replace

from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.model.container import ContainerSpec
from glassbridge.model.container_flags import (
    parse_extra_host,
    parse_hostname,
    parse_name_server,
    parse_resolver_option,
    parse_search_domains,
)
from glassbridge.model.endpoint import Sandbox, SandboxId
from glassbridge.model.names import check_name, new_id, random_name
from glassbridge.model.requests import AttachRequest, RunRequest


def foreign_sandbox(request: AttachRequest) -> Sandbox:
    """A sandbox for a namespace that somebody else made; nothing is opened, nothing named yet."""
    if (request.pid is None) == (not request.netns):
        raise InvalidRequest("name a process or a namespace", hint="--pid N, or --netns PATH")
    path = f"/proc/{request.pid}/ns/net" if request.pid is not None else request.netns
    return Sandbox(
        id=SandboxId(new_id(secrets.token_bytes(32))),
        name=check_name(request.name) if request.name else "",
        netns=path,
        netns_cookie=0,
        pid=request.pid,
        created=time.time(),
    )


def network_mode(state: State, request: RunRequest) -> str:
    """How a container is to be on the network; raises InvalidRequest where flags contradict it."""
    mode = request.network_mode
    if mode == "default":
        return mode
    if request.ports:
        raise InvalidRequest(
            f"ports cannot be published with --network {mode}",
            hint="omit -p: the container has no address of its own to publish",
        )
    if request.networks:
        raise InvalidRequest(f"networks cannot be joined with --network {mode}")
    if mode.startswith("container:"):
        return f"container:{state.container(mode.partition(':')[2]).id}"
    if mode not in ("none", "host"):
        raise InvalidRequest(f"unknown network mode {mode!r}")
    return mode


def container_spec(spec: ContainerSpec) -> ContainerSpec:
    """A spec whose texts for name files are fit for them; raises InvalidRequest."""
    if spec.hostname:
        parse_hostname(spec.hostname)
    return replace(
        spec,
        dns=tuple(map(parse_name_server, spec.dns)),
        dns_search=parse_search_domains(spec.dns_search),
        dns_options=tuple(map(parse_resolver_option, spec.dns_options)),
        extra_hosts=dict(parse_extra_host(f"{n}={a}") for n, a in spec.extra_hosts.items()),
    )


def choose_name(state: State, asked: str) -> str:
    """The name that was asked for, or a free one; raises Conflict.

    Only the writer may choose: two callers beside each other would find the same one free.
    """
    if not asked:
        return free_name(state)
    state.check_name_is_free(asked)
    return asked


_PAIRS_TRIED = 20


def free_name(state: State) -> str:
    """Two words, as Docker gives; with a number behind them where most pairs are taken."""
    tried = 0
    while True:
        number = str(secrets.randbits(32)) if tried >= _PAIRS_TRIED else ""
        name = random_name(secrets.randbits(32)) + number
        tried += 1
        try:
            state.check_name_is_free(name)
        except Conflict:
            continue
        return name
