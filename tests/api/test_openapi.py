"""The OpenAPI document: whole, and in step with the routes."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from belvedere.api.app import OPENAPI_PATH
from belvedere.contract.errors import EVERY_ERROR
from tests.support.api import Api

METHODS = {"get", "put", "post", "delete"}


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app), base_url="http://api.example") as client:
        loaded: dict[str, Any] = (await client.get(OPENAPI_PATH)).json()  # no token: it describes the program
    return loaded


async def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(document["info"])
    assert document["security"] == [{"token": []}, {"signature": []}]
    token = document["components"]["securitySchemes"]["token"]
    assert token == {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}


async def test_every_route_is_in_it(api: Api, document: dict[str, Any]) -> None:
    routed = {
        (route.path, method.lower())
        for route in api.app.routes
        if isinstance(route, Route) and route.path not in {OPENAPI_PATH, "/"}
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == routed
    assert len(described) == 51


async def test_every_operation_is_whole(document: dict[str, Any]) -> None:
    names = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            names.add(operation["operationId"])
            in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            assert {"400", "401", "403", "500", "503"} <= set(operation["responses"])
            assert len({"200", "201", "204"} & set(operation["responses"])) == 1
            assert all("description" in response for response in operation["responses"].values())
    assert len(names) == 51


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = set(_references(document))
    assert {reference.removeprefix("#/components/schemas/") for reference in references} == set(schemas)


async def test_every_error_response_is_the_error_body(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status == "204":
                    continue
                reference = response["content"]["application/json"]["schema"]["$ref"]
                assert (reference == "#/components/schemas/ErrorBody") == (status > "300")


async def test_every_code_of_an_operation_is_in_it(document: dict[str, Any]) -> None:
    text = str(document["paths"])
    of_the_router = {"NoSuchPath", "MethodNotAllowed"}
    assert [kind for kind in EVERY_ERROR if kind.code not in text and kind.__name__ not in of_the_router] == []


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield str(inner)
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
