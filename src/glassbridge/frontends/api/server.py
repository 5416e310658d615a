"""The ASGI application: one starlette route per path of the table, and nothing in between."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.routing import Route as PathRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from glassbridge import __version__
from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound
from glassbridge.frontends.api.bodies import Failure, FailureAnswer
from glassbridge.frontends.api.engine_protocol import EngineProtocol, PluginSwitch
from glassbridge.frontends.api.failures import describe_failure
from glassbridge.frontends.api.openapi import openapi_document
from glassbridge.frontends.api.plugin_routes import PLUGIN_ROUTES
from glassbridge.frontends.api.routes import OPENAPI_PATH, ROUTES, Cost, Route
from glassbridge.frontends.asgi import in_own_thread, read_body
from glassbridge.model.address import from_json, to_json

_POOL_THREADS = 8
_log = logging.getLogger(__name__)
S = TypeVar("S")


class _Path(Generic[S]):
    """One path and its methods, as an ASGI application."""

    def __init__(
        self, serves: S, methods: Mapping[str, Route[S]], pool: ThreadPoolExecutor
    ) -> None:
        self._serves = serves
        self._methods = methods
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        route = self._methods.get(scope["method"])
        if route is None:
            return _method_not_allowed(scope, self._methods)
        try:
            asked = _asked(route, scope, await read_body(receive))
            ref = scope["path_params"].get("ref", "")
            result = await self._call(route, ref, asked)
        except GlassbridgeError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - the daemon outlives a fault in one request, and tells it
            _log.exception("%s %s failed", scope["method"], scope["path"])
            message = f"internal error: {type(error).__name__}: {error}"
            hint = "this is a fault in glassbridge; the daemon's log has the traceback"
            return _refusal(GlassbridgeError(message, hint=hint))
        return _json(route.status, result)

    async def _call(self, route: Route[S], ref: str, asked: object) -> object:
        match route.cost:
            case Cost.QUEUED:
                queued = route.call(self._serves, ref, asked)
                return await asyncio.wrap_future(queued)
            case Cost.BRIEF:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, route.call, self._serves, ref, asked)
            case Cost.LONG:
                return await in_own_thread(lambda: route.call(self._serves, ref, asked))


class _Document:
    """The OpenAPI document; a class, since starlette takes a function for something else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["method"] == "GET"
        response = (
            _json(200, openapi_document(__version__))
            if is_read
            else _method_not_allowed(scope, ("GET",))
        )
        await response(scope, receive, send)


def application(engine: EngineProtocol, plugin: PluginSwitch) -> ASGIApp:
    """Build the application of an engine, and of the switch for Docker's plugin."""
    pool = ThreadPoolExecutor(_POOL_THREADS, thread_name_prefix="api")
    routes = [*_paths(engine, ROUTES, pool), *_paths(plugin, PLUGIN_ROUTES, pool)]
    routes.append(PathRoute(OPENAPI_PATH, _Document()))
    return Router(routes, redirect_slashes=False, default=_no_such_path)


def _paths(serves: S, table: Iterable[Route[S]], pool: ThreadPoolExecutor) -> Iterator[BaseRoute]:
    by_path: dict[str, dict[str, Route[S]]] = {}
    for route in table:
        by_path.setdefault(route.path, {})[route.method] = route
    for path, methods in by_path.items():
        yield PathRoute(path, _Path(serves, methods, pool))


def refuse_everything(error: GlassbridgeError) -> ASGIApp:
    """Build an application whose every answer is this refusal."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await _refusal(error)(scope, receive, send)

    return refuse


async def _no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    error = NotFound(
        f"there is nothing at {scope['path']}", hint=f"GET {OPENAPI_PATH} lists every path"
    )
    await _refusal(error)(scope, receive, send)


def _method_not_allowed(scope: Scope, methods: Iterable[str]) -> Response:
    allowed = ", ".join(methods)
    failure = Failure(
        code="method_not_allowed",
        message=f"{scope['method']} means nothing at {scope['path']}",
        hint=f"allowed there: {allowed}",
    )
    return _json(405, FailureAnswer(error=failure), {"allow": allowed})


def _asked(route: Route[S], scope: Scope, body: bytes) -> object:
    """Parse what came in, or say where it is wrong."""
    try:
        if route.query is not None:
            query = dict(parse_qsl(scope["query_string"].decode(), strict_parsing=False))
            return msgspec.convert(query, route.query, strict=False)
        if route.body is None:
            return None
        return from_json(body or b"{}", route.body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            f"{route.method} {route.path}: {error}",
            hint=f"GET {OPENAPI_PATH} has the schema of every request",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{route.method} {route.path}: not JSON: {error}") from error


def _refusal(error: GlassbridgeError) -> Response:
    status, failure = describe_failure(error)
    return _json(status, FailureAnswer(error=failure))


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(to_json(value), status, headers, media_type="application/json")
