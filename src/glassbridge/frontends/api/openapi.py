"""The OpenAPI 3.1 document, made from the route table and the model's own types."""

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any

import msgspec

from glassbridge.frontends.api.bodies import FailureAnswer
from glassbridge.frontends.api.plugin_routes import PLUGIN_ROUTES
from glassbridge.frontends.api.routes import OPENAPI_PATH, ROUTES, Route
from glassbridge.model.address import IPAddress, IPInterface, IPNetwork

Schema = dict[str, Any]

_TEXT_FORMS: dict[Any, Schema] = {
    IPv4Address: {"type": "string", "format": "ipv4"},
    IPv6Address: {"type": "string", "format": "ipv6"},
    IPAddress: {"type": "string", "description": "An IPv4 or IPv6 address"},
    IPv4Network: {"type": "string", "description": "An IPv4 prefix, host bits zero"},
    IPv6Network: {"type": "string", "description": "An IPv6 prefix, host bits zero"},
    IPNetwork: {"type": "string", "description": "An IPv4 or IPv6 prefix, host bits zero"},
    IPv4Interface: {"type": "string", "description": "An IPv4 address with its prefix length"},
    IPv6Interface: {"type": "string", "description": "An IPv6 address with its prefix length"},
    IPInterface: {"type": "string", "description": "An address with its prefix length"},
}
_REF = {
    "name": "ref",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "A name, an id, or the start of an id",
}


def openapi_document(version: str) -> Schema:
    """Describe every route that the server has."""
    routes: tuple[Route[Any], ...] = (*ROUTES, *PLUGIN_ROUTES)
    types = [t for r in routes for t in (r.answer, r.body, r.query) if t is not None]
    schemas, components = msgspec.json.schema_components(
        [*types, FailureAnswer],
        schema_hook=_TEXT_FORMS.__getitem__,
        ref_template="#/components/schemas/{name}",
    )
    schema_of = dict(zip([*types, FailureAnswer], schemas, strict=True))
    paths: dict[str, Schema] = {
        OPENAPI_PATH: {"get": {
            "operationId": "openapi",
            "summary": "This document.",
            "responses": {"200": _content("The document", {"type": "object"})},
        }},
    }  # fmt: skip
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "glassbridge", "version": version},
        "servers": [{"url": "http://localhost", "description": "over the daemon's unix socket"}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route[Any], schema_of: dict[Any, Schema]) -> Schema:
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            str(route.status): _content("Done", schema_of[route.answer]),
            "default": _content("Refused, and why", schema_of[FailureAnswer]),
        },
    }
    parameters = [_REF] if "{ref}" in route.path else []
    if route.query is not None:
        parameters += [
            {"name": field.encode_name, "in": "query", "schema": {"type": "boolean"}}
            for field in msgspec.structs.fields(route.query)
        ]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, **_body(schema_of[route.body])}
    return operation


def _content(description: str, schema: Schema) -> Schema:
    return {"description": description, **_body(schema)}


def _body(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}
