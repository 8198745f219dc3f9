"""The OpenAPI document.

Covers `gateway.api.schemas`.
"""

from __future__ import annotations

from openapi_spec_validator import validate

from tests.support.gateway import Gateway
from twisted_tasks.gateway.api.openapi import document
from twisted_tasks.gateway.api.routes import TABLE
from twisted_tasks.gateway.api.table import Access


def test_valid() -> None:
    """It is one, by its specification."""
    validate(document(TABLE))


def test_routes() -> None:
    """It has the routes that there are, with who may and the answer when all is well."""
    paths = document(TABLE)["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == {(route.method, route.template) for route in TABLE.routes}
    for route in TABLE.routes:
        operation = paths[route.template][route.method.lower()]
        assert str(route.status) in operation["responses"]
        schemes = {name for one in operation["security"] for name in one}
        assert (
            schemes
            == {
                Access.PUBLIC: set(),
                Access.ENTRY: set(),
                Access.SESSION: {"session"},
                Access.LEAVING: {"session"},
                Access.READ: {"session", "token"},
                Access.WRITE: {"session", "token"},
            }[route.access]
        )


def test_served() -> None:
    """It is served to anybody, and a client that has it already is told so."""
    gateway = Gateway()
    response = gateway.request("GET", "openapi.json")
    assert (response.status, response.json) == (200, document(TABLE))
    again = gateway.request("GET", "openapi.json", fields={"If-None-Match": response.fields["etag"]})
    assert again.status == 304
