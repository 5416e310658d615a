"""The six commands: each translates, asks the engine, and translates back."""

from collections.abc import Mapping
from typing import Any, assert_never

from msgspec import Struct

from glassbridge import __version__
from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound
from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.cni.addressing import Addressing, given_addressing, own_addressing
from glassbridge.frontends.cni.answers import answer, foreign_cable, forgotten, told
from glassbridge.frontends.cni.configuration import (
    Configuration,
    parse_configuration,
    valid_attachments_of,
)
from glassbridge.frontends.cni.decoding import (
    decode,
    foreign_ipam_of,
    network_name,
    version_of,
    version_to_answer_in,
)
from glassbridge.frontends.cni.delegation import IpamPlugin
from glassbridge.frontends.cni.failures import Differs, NotReady, describe_failure
from glassbridge.frontends.cni.invocation import Command, Invocation, parse_invocation
from glassbridge.frontends.cni.ordering import (
    attachment_key,
    attachment_request,
    managed_network,
    network_request,
)
from glassbridge.frontends.cni.results import Result, render_result
from glassbridge.frontends.cni.versions import NEWEST, SUPPORTED, check_version
from glassbridge.model.address import to_json
from glassbridge.model.attachment import AttachmentKey
from glassbridge.model.network import Ifname


class Answer(Struct, frozen=True, kw_only=True):
    """What the shim does in our name."""

    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""


class Call:
    """One invocation of the plugin."""

    def __init__(self, engine: AttachmentsEngine) -> None:
        self._engine = engine
        self._version = NEWEST
        self._heard: list[bytes] = []
        """What delegates printed on stderr."""

    def respond(self, environment: Mapping[str, str], stdin: bytes) -> Answer:
        """Do what CNI_COMMAND says; without one, say who we are."""
        if not environment.get("CNI_COMMAND"):
            return Answer(stderr=_about())
        try:
            result = self._dispatch(parse_invocation(environment, stdin))
        except GlassbridgeError as error:
            self._version = version_to_answer_in(stdin)
            return self.refuse(error)
        stdout = b"" if result is None else to_json(result)
        return Answer(stdout=stdout, stderr=b"".join(self._heard))

    def refuse(self, error: GlassbridgeError) -> Answer:
        """Print an error: on stdout, since libcni looks there."""
        stdout = to_json(describe_failure(error, self._version))
        return Answer(exit_code=1, stdout=stdout, stderr=b"".join(self._heard))

    def _dispatch(self, invocation: Invocation) -> dict[str, Any] | None:
        """Return what is to be printed."""
        if invocation.command is Command.VERSION:  # what comes along with it may be anything
            return {"cniVersion": NEWEST, "supportedVersions": SUPPORTED}
        said = decode(invocation.stdin)
        name = network_name(said)
        if invocation.command is not Command.DEL:
            # what was added by a version that is refused now is taken away all the same
            version = version_of(said)
            check_version(version, invocation.command)
            self._version = version
        match invocation.command:
            case Command.ADD:
                return render_result(self._add(invocation, said), self._version)
            case Command.DEL:
                self._delete(invocation, said, name)
            case Command.CHECK:
                self._check(invocation, parse_configuration(said))
            case Command.GC:
                self._collect_garbage(invocation, said, name)
            case Command.STATUS:
                self._status(invocation, parse_configuration(said))
            case _:
                assert_never(invocation.command)
        return None

    def _add(self, invocation: Invocation, said: dict[str, Any]) -> Result:
        configuration = parse_configuration(said)
        previous = configuration.previous()
        if previous is not None:
            return self._follow(invocation, configuration, previous)
        if not configuration.foreign_ipam:
            own = configuration.has_own_ipam
            plan = own_addressing(configuration) if own else Addressing()
            return self._plug(invocation, configuration, plan)
        plugin = self._plugin(configuration.foreign_ipam, invocation)
        leased = plugin.add()
        try:
            plan = given_addressing(configuration, leased)
            return self._plug(invocation, configuration, plan)
        except BaseException:
            plugin.take_back()
            raise

    def _plug(
        self, invocation: Invocation, configuration: Configuration, plan: Addressing
    ) -> Result:
        self._engine.define(network_request(configuration, plan, None))
        attachment = self._engine.add(attachment_request(invocation, configuration, plan, None))
        return answer(attachment, invocation, configuration, plan)

    def _follow(
        self, invocation: Invocation, configuration: Configuration, previous: Result
    ) -> Result:
        """Publish, shape and guard what an earlier plugin plugged in; its result is ours."""
        if configuration.has_own_ipam or configuration.foreign_ipam:
            raise InvalidRequest(
                "ipam, and a prevResult: an earlier plugin of the chain gave the addresses",
                hint="take ipam out, or let glassbridge be the first plugin",
            )
        cable = foreign_cable(previous, invocation)
        plan = Addressing()
        self._engine.define(network_request(configuration, plan, cable))
        self._engine.add(attachment_request(invocation, configuration, plan, cable))
        return previous

    def _delete(self, invocation: Invocation, said: dict[str, Any], name: str) -> None:
        self._engine.delete(attachment_key(invocation, name))
        self._forward(foreign_ipam_of(said), invocation)

    def _check(self, invocation: Invocation, configuration: Configuration) -> None:
        previous = configuration.previous()
        if previous is None:
            raise InvalidRequest("CHECK: required prevResult missing")
        key = attachment_key(invocation, configuration.name)
        attachment = self._engine.find(key)
        if attachment is None:
            raise NotFound(f"CHECK: nothing is known of {key}")
        different = (
            *forgotten(attachment, previous, invocation),
            *self._engine.differences(key, told(previous, invocation)),
        )
        if different:
            raise Differs(f"CHECK {key}: {'; '.join(different)}")
        self._forward(configuration.foreign_ipam, invocation)

    def _collect_garbage(self, invocation: Invocation, said: dict[str, Any], name: str) -> None:
        valid = valid_attachments_of(said)
        left: tuple[str, ...] = ()
        if valid is not None:
            network = managed_network(name)
            keys = {
                AttachmentKey(network=network, container=v.container_id, ifname=Ifname(v.ifname))
                for v in valid
            }
            left = self._engine.retain(network, keys)
        self._forward(foreign_ipam_of(said), invocation)
        if left:
            raise GlassbridgeError(f"GC of {name}: {'; '.join(left)}")

    def _status(self, invocation: Invocation, configuration: Configuration) -> None:
        if configuration.has_own_ipam:
            own_addressing(configuration)
        obstacles = self._engine.obstacles(managed_network(configuration.name))
        if obstacles:
            raise NotReady("; ".join(obstacles))
        self._forward(configuration.foreign_ipam, invocation)

    def _forward(self, plugin: str, invocation: Invocation) -> None:
        if plugin:
            self._plugin(plugin, invocation).forward()

    def _plugin(self, name: str, invocation: Invocation) -> IpamPlugin:
        return IpamPlugin(name, invocation, self._version, self._heard)


def _about() -> bytes:
    versions = ", ".join(SUPPORTED)
    return f"CNI plugin glassbridge {__version__}\nCNI versions supported: {versions}\n".encode()
