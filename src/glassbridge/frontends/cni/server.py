"""The HTTP application that the plugin's shim posts to: one path, and an exit code in a header."""

import logging

from glassbridge.errors import GlassbridgeError
from glassbridge.frontends.attachments_protocol import AttachmentsEngine
from glassbridge.frontends.blocking import in_own_thread
from glassbridge.frontends.cni.commands import Answer, Call
from glassbridge.frontends.cni.failures import BadTransfer
from glassbridge.frontends.cni.invocation import split_body
from glassbridge.frontends.http_messages import Application, Request, Response

PATH = "/cni"

_log = logging.getLogger(__name__)


class _Plugin:
    """`POST /cni`."""

    def __init__(self, engine: AttachmentsEngine) -> None:
        self._engine = engine

    async def answer(self, request: Request) -> Response:
        if request.path != PATH:
            return Response(b"", 404)
        if request.method != "POST":
            return Response(b"", 405, headers={"allow": "POST"})
        answer = await self._answer(request)
        headers = {
            "exit-code": str(answer.exit_code),
            "stderr-length": str(len(answer.stderr)),
        }
        return Response(answer.stdout + answer.stderr, headers=headers)

    async def _answer(self, request: Request) -> Answer:
        call = Call(self._engine)
        try:
            environment, stdin = split_body(request.body())
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


def application(attachments: AttachmentsEngine) -> Application:
    """Build the application of an engine's attachments."""
    return _Plugin(attachments).answer
