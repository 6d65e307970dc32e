"""Models: aliases resolve, extra fields stay, Step Plan models come from its list (stepfun-api 1, 7)."""

from __future__ import annotations

import pytest

from stepfun_compat.endpoints import models
from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.context import ClientFacts, RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.exchange import drive, exchange

LIVE = {
    "object": "list",
    "data": [
        {"id": "step-3.7-flash", "object": "model", "created": 1, "owned_by": "stepai", "max_input_tokens": 262144},
        {"id": "step-tts-2", "model_type": "语音合成模型"},
    ],
}


def test_list_has_openais_shape_and_keeps_live_fields():
    data = models.ListModels().transform_response(LIVE, exchange(models.ListModels(), list_openai_models=False))
    assert [row["id"] for row in data["data"]] == ["step-3.7-flash", "step-tts-2"]
    assert data["data"][0]["max_input_tokens"] == 262144
    assert data["data"][1] == {
        "id": "step-tts-2",
        "model_type": "语音合成模型",
        "object": "model",
        "created": 0,
        "owned_by": "stepai",
    }


@pytest.mark.parametrize("body", [None, [], "text", {}, {"data": None}])
def test_body_without_a_list_is_refused(body: object):
    with pytest.raises(UnexpectedBody):
        models.ListModels().transform_response(body, exchange(models.ListModels()))


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/models/gpt-4o", "/models/step-3.7-flash"),
        ("/models/whisper-1", "/models/stepaudio-2.5-asr"),
        ("/models/step-5-preview", "/models/step-5-preview"),
        ("/models/step-1-8k", "/models/step-1o-turbo-vision"),
        ("/models/a%2Fb", "/models/a%2Fb"),
    ],
)
def test_alias_returns_its_model(path: str, sent: str):
    context = exchange(models.RetrieveModel())
    request = WireRequest("GET", path)
    assert models.RetrieveModel().script(request, context) is None
    assert models.RetrieveModel().transform_request(request, context).path == sent


def test_missing_model_fields_are_filled():
    data = models.RetrieveModel().transform_response({"id": "step-3.5-flash"}, exchange(models.RetrieveModel()))
    assert data == {"id": "step-3.5-flash", "object": "model", "created": 0, "owned_by": "stepai"}


def test_step_plan_model_comes_from_the_list():
    context = exchange(models.RetrieveModel(), plan="step_plan")
    reply, sent = drive(models.RetrieveModel(), WireRequest("GET", "/models/gpt-4o"), [LIVE], context)
    assert [request.path for request in sent] == ["/models"]
    assert reply.body["id"] == "gpt-4o"
    assert context.model_id == "step-3.7-flash"


def test_step_plan_base_url_selects_the_plan():
    context = exchange(models.RetrieveModel())
    context.client = ClientFacts("https://api.stepfun.com/step_plan/v1/")
    reply, _ = drive(models.RetrieveModel(), WireRequest("GET", "/models/step-tts-2"), [LIVE], context)
    assert reply.body["id"] == "step-tts-2"


def test_model_missing_from_the_plan_is_not_found():
    with pytest.raises(RequestRejected) as refused:
        drive(
            models.RetrieveModel(),
            WireRequest("GET", "/models/nope"),
            [LIVE],
            exchange(models.RetrieveModel(), plan="step_plan"),
        )
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


def test_list_ends_with_the_usable_openai_names():
    rows = models.ListModels().transform_response(LIVE, exchange(models.ListModels()))["data"]
    names = [row["id"] for row in rows]
    assert names[:2] == ["step-3.7-flash", "step-tts-2"]
    assert {"gpt-4o", "gpt-4o-mini", "gpt-5", "o3"} <= set(names)
    assert not {"whisper-1", "dall-e-3"} & set(names)  # this account has no model for them
    assert len(names) == len(set(names))
    by_id = {row["id"]: row for row in rows}
    for name in names[2:]:
        context = exchange(models.RetrieveModel())
        models.RetrieveModel().transform_request(WireRequest("GET", f"/models/{name}"), context)
        assert models.RetrieveModel().transform_response(dict(LIVE["data"][0]), context) == by_id[name]


def test_list_openai_models_setting_disables_openai_names():
    context = exchange(models.RetrieveModel(), list_openai_models=False)
    models.RetrieveModel().transform_request(WireRequest("GET", "/models/gpt-4o"), context)
    assert models.RetrieveModel().transform_response({"id": "step-3.7-flash"}, context)["id"] == "step-3.7-flash"
