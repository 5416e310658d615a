"""The ASGI application that the plugin's shim posts to: one path, and an exit code in a header."""

import logging

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from glassbridge.errors import GlassbridgeError
from glassbridge.frontends.asgi import in_own_thread, read_body
from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.cni.commands import Answer, Call
from glassbridge.frontends.cni.failures import BadTransfer
from glassbridge.frontends.cni.invocation import split_body

PATH = "/cni"

_log = logging.getLogger(__name__)


class _Plugin:
    """`POST /cni`; a class, since starlette takes a function for something else."""

    def __init__(self, engine: AttachmentsEngine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(receive)
        headers = {
            "exit-code": str(answer.exit_code),
            "stderr-length": str(len(answer.stderr)),
        }
        response = Response(
            answer.stdout + answer.stderr, headers=headers, media_type="application/json"
        )
        await response(scope, receive, send)

    async def _answer(self, receive: Receive) -> Answer:
        call = Call(self._engine)
        try:
            environment, stdin = split_body(await read_body(receive))
            # an ADD waits for the kernel, and for delegates
            return await in_own_thread(lambda: call.respond(environment, stdin))
        except BadTransfer as error:
            return call.refuse(error)
        except GlassbridgeError as error:  # it is too long, or the caller went away
            return call.refuse(BadTransfer(error.message, hint=error.hint))
        except Exception as error:  # noqa: BLE001 - the daemon outlives a fault in one request, and tells it
            _log.exception("CNI call failed")
            message = f"internal error: {type(error).__name__}: {error}"
            hint = "this is a fault in glassbridge; the daemon's log has the traceback"
            return call.refuse(GlassbridgeError(message, hint=hint))


def application(attachments: AttachmentsEngine) -> ASGIApp:
    """Build the application of an engine's attachments."""
    return Router([Route(PATH, _Plugin(attachments), methods=["POST"])], redirect_slashes=False)
