"""The API as an HTTP application: the paths of the route table, and nothing in between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec

from glassbridge import __version__
from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound
from glassbridge.frontends.api.bodies import Failure, FailureAnswer
from glassbridge.frontends.api.engine_protocol import EngineProtocol, PluginSwitch
from glassbridge.frontends.api.failures import describe_failure
from glassbridge.frontends.api.openapi import openapi_document
from glassbridge.frontends.api.plugin_routes import PLUGIN_ROUTES
from glassbridge.frontends.api.routes import OPENAPI_PATH, ROUTES, Cost, Route
from glassbridge.frontends.blocking import in_own_thread
from glassbridge.frontends.http_messages import Application, Request, Response
from glassbridge.model.address import from_json, to_json

_POOL_THREADS = 8
_REF = "{ref}"
_NO_HEADERS: Mapping[str, str] = {}
_log = logging.getLogger(__name__)
S = TypeVar("S")


_Answerer = Callable[[Request, str], Awaitable[Response]]
"""What answers at one path; the text is what stands in its `{ref}`."""


class _Path(Generic[S]):
    """One path and its methods."""

    def __init__(
        self, serves: S, methods: Mapping[str, Route[S]], pool: ThreadPoolExecutor
    ) -> None:
        self._serves = serves
        self._methods = methods
        self._pool = pool

    async def answer(self, request: Request, ref: str) -> Response:
        route = self._methods.get(request.method)
        if route is None:
            return _method_not_allowed(request, self._methods)
        try:
            result = await self._call(route, ref, _asked(route, request))
        except GlassbridgeError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - the daemon outlives a fault in one request, and tells it
            _log.exception("%s %s failed", request.method, request.path)
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


class _Paths:
    """Who answers where: `{ref}` stands for any one segment that is not empty."""

    def __init__(self, answerers: Mapping[str, _Answerer]) -> None:
        self._fixed = {path: a for path, a in answerers.items() if _REF not in path}
        self._open = {path: a for path, a in answerers.items() if _REF in path}

    async def answer(self, request: Request) -> Response:
        fixed = self._fixed.get(request.path)
        if fixed is not None:
            return await fixed(request, "")
        segments = request.path.split("/")
        for place, ref in enumerate(segments):
            found = self._open.get("/".join([*segments[:place], _REF, *segments[place + 1 :]]))
            if ref and found is not None:
                return await found(request, ref)
        return _no_such_path(request)


def application(engine: EngineProtocol, plugin: PluginSwitch) -> Application:
    """Build the application of an engine, and of the switch for Docker's plugin."""
    pool = ThreadPoolExecutor(_POOL_THREADS, thread_name_prefix="api")
    paths = _Paths(
        {
            **dict(_paths(engine, ROUTES, pool)),
            **dict(_paths(plugin, PLUGIN_ROUTES, pool)),
            OPENAPI_PATH: _document,
        }
    )
    return paths.answer


def _paths(
    serves: S, table: Iterable[Route[S]], pool: ThreadPoolExecutor
) -> Iterator[tuple[str, _Answerer]]:
    by_path: dict[str, dict[str, Route[S]]] = {}
    for route in table:
        by_path.setdefault(route.path, {})[route.method] = route
    for path, methods in by_path.items():
        yield path, _Path(serves, methods, pool).answer


def refuse_everything(error: GlassbridgeError) -> Application:
    """Build an application whose every answer is this refusal."""

    async def refuse(_: Request) -> Response:
        return _refusal(error)

    return refuse


async def _document(request: Request, _: str) -> Response:
    if request.method != "GET":
        return _method_not_allowed(request, ("GET",))
    return _json(200, openapi_document(__version__))


def _no_such_path(request: Request) -> Response:
    return _refusal(
        NotFound(f"there is nothing at {request.path}", hint=f"GET {OPENAPI_PATH} lists every path")
    )


def _method_not_allowed(request: Request, methods: Iterable[str]) -> Response:
    allowed = ", ".join(methods)
    failure = Failure(
        code="method_not_allowed",
        message=f"{request.method} means nothing at {request.path}",
        hint=f"allowed there: {allowed}",
    )
    return _json(405, FailureAnswer(error=failure), {"allow": allowed})


def _asked(route: Route[S], request: Request) -> object:
    """Parse what came in, or say where it is wrong."""
    body = request.body()
    try:
        if route.query is not None:
            query = dict(parse_qsl(request.query.decode(), strict_parsing=False))
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


def _json(status: int, value: object, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    return Response(to_json(value), status, headers=headers)
