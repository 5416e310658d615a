"""The HTTP application that the plugin posts to: one path, and an exit code in a header."""

import logging
import os

from glassbridge.errors import GlassbridgeError, InvalidRequest
from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.blocking import in_own_thread
from glassbridge.frontends.http_messages import Application, Request, Response
from glassbridge.frontends.netavark.commands import Answer, Commands, refusal

PATH = "/netavark"

_log = logging.getLogger(__name__)


class _Plugin:
    """`POST /netavark`."""

    def __init__(self, attachments: AttachmentsEngine) -> None:
        self._commands = Commands(attachments)

    async def answer(self, request: Request) -> Response:
        if request.path != PATH:
            return Response(b"", 404)
        if request.method != "POST":
            return Response(b"", 405, headers={"allow": "POST"})
        answer = await self._answer(request)
        headers = {"exit-code": str(answer.exit_code), "stderr-length": "0"}
        return Response(answer.stdout, headers=headers)

    async def _answer(self, request: Request) -> Answer:
        try:
            arguments, stdin = split_body(request.body())
            return await in_own_thread(lambda: self._commands.respond(arguments, stdin))
        except GlassbridgeError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - the daemon outlives a fault in one call, and tells it
            _log.exception("call of netavark's plugin failed")
            message = f"internal error: {type(error).__name__}: {error}"
            hint = "this is a fault in glassbridge; the daemon's log has the traceback"
            return refusal(GlassbridgeError(message, hint=hint))


def application(attachments: AttachmentsEngine) -> Application:
    """Build the application of an engine's attachments."""
    return _Plugin(attachments).answer


def split_body(body: bytes) -> tuple[list[str], bytes]:
    """Take the plugin's request apart: arguments, each with a NUL, one more NUL, stdin."""
    arguments = []
    while not body.startswith(b"\0"):
        argument, end, body = body.partition(b"\0")
        if not end:
            raise InvalidRequest("the plugin's request has no end of its arguments")
        arguments.append(os.fsdecode(argument))
    # an argument may be empty, such as the path of a namespace that is gone; JSON has no NUL
    return arguments, body.lstrip(b"\0")
