"""The ASGI application that the plugin posts to: one path, and an exit code in a header."""

import logging
import os

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from glassbridge.errors import GlassbridgeError, InvalidRequest
from glassbridge.frontends.asgi import in_own_thread, read_body
from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.netavark.commands import Answer, Commands, refusal

PATH = "/netavark"

_log = logging.getLogger(__name__)


class _Plugin:
    """`POST /netavark`; a class, since starlette takes a function for something else."""

    def __init__(self, attachments: AttachmentsEngine) -> None:
        self._commands = Commands(attachments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(receive)
        headers = {"exit-code": str(answer.exit_code), "stderr-length": "0"}
        response = Response(answer.stdout, headers=headers, media_type="application/json")
        await response(scope, receive, send)

    async def _answer(self, receive: Receive) -> Answer:
        try:
            arguments, stdin = split_body(await read_body(receive))
            return await in_own_thread(lambda: self._commands.respond(arguments, stdin))
        except GlassbridgeError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - the daemon outlives a fault in one call, and tells it
            _log.exception("call of netavark's plugin failed")
            message = f"internal error: {type(error).__name__}: {error}"
            hint = "this is a fault in glassbridge; the daemon's log has the traceback"
            return refusal(GlassbridgeError(message, hint=hint))


def application(attachments: AttachmentsEngine) -> ASGIApp:
    """Build the application of an engine's attachments."""
    return Router([Route(PATH, _Plugin(attachments), methods=["POST"])], redirect_slashes=False)


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
