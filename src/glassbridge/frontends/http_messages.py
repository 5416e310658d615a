"""HTTP as a front-end sees it: a whole request in, a whole response out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from glassbridge.errors import InvalidRequest

MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks."""

    method: str
    path: str
    """Its %XX are read already."""
    query: bytes
    received: bytes
    """The body's beginning: of one that is too long, one byte more than is allowed."""

    def body(self) -> bytes:
        """The whole of it; raises InvalidRequest when it is too long."""
        if len(self.received) > MAX_BODY:
            raise InvalidRequest(f"the request is longer than {MAX_BODY} bytes")
        return self.received


@dataclass(frozen=True, slots=True)
class Response:
    """What is said to it."""

    body: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Application: TypeAlias = Callable[[Request], Awaitable[Response]]
"""A front-end: it raises nothing, a refusal is a response as well."""
