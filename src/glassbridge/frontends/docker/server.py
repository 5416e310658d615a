"""Docker's plugin as an ASGI application: one method per path, and nothing in between."""

import logging

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from glassbridge.errors import GlassbridgeError, InvalidRequest
from glassbridge.frontends.asgi import in_own_thread, read_body
from glassbridge.frontends.docker.engine_protocol import DriverEngine, IpamEngine
from glassbridge.frontends.docker.failures import REFUSED, ErrorKey, describe_failure
from glassbridge.frontends.docker.messages import Message
from glassbridge.frontends.docker.methods import METHODS, Method

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"
_NOT_IMPLEMENTED = 404
_encoder = msgspec.json.Encoder()
_log = logging.getLogger(__name__)


class _Plugin:
    """Both drivers, behind the one socket that Docker finds by its name."""

    def __init__(self, driver: DriverEngine, ipam: IpamEngine) -> None:
        self._driver = driver
        self._ipam = ipam

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = METHODS.get(scope["path"])
        if method is None or scope["method"] != "POST":
            await read_body(receive)
            response = _no_such_method(scope)
        else:
            response = await self._answer(scope["path"], method, receive)
        await response(scope, receive, send)

    async def _answer(self, path: str, method: Method, receive: Receive) -> Response:
        try:
            answer = await self._call(method, _asked(path, method, await read_body(receive)))
        except GlassbridgeError as error:
            return _refusal(method.error_key, error)
        except Exception as error:  # noqa: BLE001 - the daemon outlives a fault in one call, and tells it
            _log.exception("%s failed", path)
            message = f"internal error: {type(error).__name__}: {error}"
            hint = "this is a fault in glassbridge; the daemon's log has the traceback"
            return _refusal(method.error_key, GlassbridgeError(message, hint=hint))
        return _json(200, answer)

    async def _call(self, method: Method, asked: Message | None) -> Message:
        if not method.blocks:
            return method.call(self._driver, self._ipam, asked)
        return await in_own_thread(lambda: method.call(self._driver, self._ipam, asked))


def application(driver: DriverEngine, ipam: IpamEngine) -> ASGIApp:
    """Build the plugin of an engine: `Implements` both NetworkDriver and IpamDriver."""
    return _Plugin(driver, ipam)


def refuse_everything(error: GlassbridgeError) -> ASGIApp:
    """Build an application whose every answer is this refusal, in either protocol's words."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        text = {
            **describe_failure(ErrorKey.DRIVER, error),
            **describe_failure(ErrorKey.IPAM, error),
        }
        # an activation whose answer is a success would be taken for one
        await _json(403, text)(scope, receive, send)

    return refuse


def _asked(path: str, method: Method, body: bytes) -> Message | None:
    if method.body is None:
        return None
    if not body:
        # dockerd repeats a call whose connection broke with an empty body (moby#39331), and would
        # take an answer without an error for success
        raise InvalidRequest(
            f"{path[1:]} came without its body, as Docker repeats a call that broke off",
            hint="repeat the command",
        )
    try:
        return msgspec.json.decode(body, type=method.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path[1:]}: {error}") from None


def _refusal(key: ErrorKey, error: GlassbridgeError) -> Response:
    return _json(REFUSED, describe_failure(key, error))


def _no_such_method(scope: Scope) -> Response:
    error = InvalidRequest(f"{scope['method']} {scope['path']} is no method of a plugin of Docker")
    return _json(_NOT_IMPLEMENTED, describe_failure(ErrorKey.DRIVER, error))


def _json(status: int, value: object) -> Response:
    return Response(_encoder.encode(value), status, media_type=MEDIA_TYPE)
