"""Endpoints StepFun does not offer are refused locally, with an alternative (stepfun-api 10)."""

from __future__ import annotations

import pytest

from stepfun_compat.catalog.absent import ABSENT, FALLBACK_NAMES
from stepfun_compat.endpoints import routing as table
from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.unsupported import ENDPOINT, fallback_name
from tests.support.exchange import exchange


def example(pattern: str) -> str:
    return pattern.replace("/**", "/tail").replace("*", "some_id")


@pytest.mark.parametrize("row", ABSENT, ids=lambda row: f"{row.method} {row.pattern}")
def test_unavailable_endpoint_is_refused_locally_with_advice(row: object):
    from stepfun_compat.catalog.schema import Absent

    assert isinstance(row, Absent)
    method = "POST" if row.method == "*" else row.method
    path = example(row.pattern)
    endpoint = table.find(method, path)
    assert endpoint is not None
    request = WireRequest(method, path, json={"model": "x"}, files=[("file", b"1")])
    with pytest.raises(RequestRejected) as refused:
        endpoint.script(request, exchange(endpoint)) or endpoint.transform_request(request, exchange(endpoint))
    error = refused.value
    assert (error.status, error.code) == (404, "endpoint_not_available")
    assert row.instead in error.message
    assert (f"fallback={{{row.resource!r}" in error.message) is row.routable
    assert fallback_name(method, path) == (row.resource if row.routable else None)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/embeddings", "embeddings"),
        ("post", "/embeddings", "embeddings"),
        ("POST", "/moderations", "moderations"),
        ("GET", "/batches", "batches"),
        ("POST", "/batches/b_1/cancel", "batches"),
        ("GET", "/fine_tuning/jobs?limit=2", "fine_tuning"),
        ("POST", "/threads/t/runs/r/submit_tool_outputs", "threads"),
        ("GET", "/chat/completions", None),
        ("POST", "/chat/completions", None),
        ("GET", "/models", None),
        ("POST", "/files", None),
        ("GET", "/audio/voices", None),
        ("POST", "/responses", None),
    ],
)
def test_fallback_name_of_a_path(method: str, path: str, name: str | None):
    assert fallback_name(method, path) == name


def test_unknown_path_is_refused_by_name():
    refusal = ENDPOINT.refusal(WireRequest("GET", "/nothing"), exchange(ENDPOINT))
    assert "GET /nothing" in refusal.message


def test_supported_paths_are_not_refused():
    for method, path in [("POST", "/vector_stores"), ("GET", "/vector_stores/1"), ("GET", "/vector_stores/1/files/f")]:
        found = table.find(method, path)
        assert found is not None
        assert found.name != "absent"


def test_fallback_names_are_the_routable_resources():
    assert {"embeddings", "moderations", "batches", "fine_tuning", "videos"} <= set(FALLBACK_NAMES)
    assert not {"models", "admin", "chat_completions_store"} & set(FALLBACK_NAMES)
