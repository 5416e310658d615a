"""The commands of a netavark plugin, and the one way in which each of them fails."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from glassbridge import __version__
from glassbridge.errors import Conflict, GlassbridgeError, InvalidRequest, NotFound
from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.netavark import messages
from glassbridge.frontends.netavark.containers import (
    attachment_key,
    attachment_request,
    status_block,
)
from glassbridge.frontends.netavark.failures import describe_failure
from glassbridge.frontends.netavark.networks import (
    managed,
    new_request,
    present_request,
    static_routes,
    with_choices,
)
from glassbridge.model.attachment import Attachment
from glassbridge.model.network import Managed


class Answer(Struct, frozen=True):
    """What the plugin prints, and its exit code."""

    stdout: bytes
    exit_code: int = 0


class Commands:
    """Each takes what follows its name, and stdin; raises GlassbridgeError."""

    def __init__(self, engine: AttachmentsEngine) -> None:
        self._engine = engine
        self._by_name: dict[str, Callable[[Sequence[str], bytes], bytes]] = {
            "create": self.create,
            "setup": self.setup,
            "teardown": self.teardown,
            "info": self.info,
        }

    def respond(self, arguments: Sequence[str], stdin: bytes) -> Answer:
        """Carry out one call; without an argument it is `info`."""
        name, *rest = arguments or ["info"]
        command = self._by_name.get(name)
        try:
            if command is None:
                raise InvalidRequest(
                    f"unknown subcommand {name!r}", hint=f"one of {', '.join(self._by_name)}"
                )
            return Answer(command(rest, stdin))
        except GlassbridgeError as error:
            return refusal(error)

    def create(self, _arguments: Sequence[str], stdin: bytes) -> bytes:
        """Check and complete a network.

        Nothing of it is kept: Podman does that, and tells nobody when it removes a network.
        """
        network = messages.decode(stdin, messages.Network)
        request = new_request(network)
        static_routes(network)
        self._forget_namesakes(network)
        defined = self._engine.define(request)
        self._engine.remove(managed(network))
        return messages.completed(stdin, with_choices(network, defined))

    def setup(self, arguments: Sequence[str], stdin: bytes) -> bytes:
        """Plug a container into a network, which stands from its first container on."""
        if not arguments:
            raise InvalidRequest("netns path argument is missing")
        asked = messages.decode(stdin, messages.Exec)
        try:
            attachment = self._plug(asked, arguments[0])
        except GlassbridgeError:
            self._leave(managed(asked.network))  # Podman calls no teardown for it
            raise
        return msgspec.json.encode(status_block(asked, attachment))

    def teardown(self, _arguments: Sequence[str], stdin: bytes) -> bytes:
        """Unplug it, whatever became of the namespace; the bridge goes with the last container."""
        key = attachment_key(messages.decode(stdin, messages.Exec))
        self._engine.delete(key)
        self._leave(key.network)
        return b""

    def info(self, _arguments: Sequence[str], _stdin: bytes) -> bytes:
        """Tell what this is."""
        return msgspec.json.encode(messages.Info(__version__, messages.API_VERSION))

    def _forget_namesakes(self, network: messages.Network) -> None:
        """Podman's names are unique: who had this one under another id was removed, in silence."""
        new = managed(network)
        for known in self._engine.networks():
            former = known.managed
            if former and former.by is new.by and former != new and known.name == network.name:
                self._leave(former)

    def _leave(self, network: Managed) -> None:
        if not self._engine.attached(network):
            with suppress(Conflict):  # somebody has just come
                self._engine.remove(network)

    def _plug(self, asked: messages.Exec, netns: str) -> Attachment:
        while True:
            network = self._engine.define(present_request(asked.network))
            try:
                return self._engine.add(attachment_request(asked, netns, network))
            except NotFound:
                # the last container may have gone, and the network with it, just before
                if network in self._engine.networks():
                    raise


def refusal(error: GlassbridgeError) -> Answer:
    """What is answered instead: the sentence, and an exit code."""
    return Answer(msgspec.json.encode(describe_failure(error)), exit_code=1)
