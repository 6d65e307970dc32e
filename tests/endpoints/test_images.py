"""Images: sizes, several images as several requests, blocked images, edits and variations (stepfun-api 8.3)."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from stepfun_compat.endpoints import images
from stepfun_compat.endpoints.base import WireRequest, WireResponse
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.images import ImageState
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.exchange import drive, exchange, lost

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def generate(**fields: Any) -> WireRequest:
    return WireRequest("POST", "/images/generations", json={"prompt": "a cat", **fields})


def edit(files: Any, **fields: Any) -> WireRequest:
    return WireRequest("POST", "/images/edits", json={"prompt": "a hat", **fields}, files=files)


def wire(endpoint: Any, request: WireRequest, **settings: Any) -> dict[str, Any]:
    return endpoint.transform_request(request, exchange(endpoint, **settings)).json


def image(i: int = 0, **more: Any) -> dict[str, Any]:
    return {"created": 100 + i, "data": [{"url": f"https://x/{i}.png", "finish_reason": "success", "seed": i, **more}]}


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("1024x1024", "1024x1024"),
        ("256x256", "1024x1024"),
        ("1536x1024", "896x1184"),  # StepFun documents height x width: a landscape size has the smaller number first
        ("1024x1536", "1184x896"),
        ("1792x1024", "768x1360"),
        ("1024x1792", "1360x768"),
        ("896x1184", "1184x896"),
    ],
)
def test_size_is_mapped_to_the_nearest(asked: str, sent: str):
    assert wire(images.Generate(), generate(size=asked))["size"] == sent


@pytest.mark.parametrize(
    ("asked", "sent"), [("1792x1024", "1280x800"), ("1024x1792", "800x1280"), ("300x300", "256x256")]
)
def test_size_is_mapped_for_step_2x_large(asked: str, sent: str):
    assert wire(images.Generate(), generate(size=asked, model="step-2x-large"))["size"] == sent


def test_inexact_size_is_a_loss_and_auto_is_not_sent():
    context = exchange(images.Generate())
    images.Generate().transform_request(generate(size="1536x1024"), context)
    assert lost(context) == ["size"]
    assert "size" not in wire(images.Generate(), generate(size="auto"))
    assert "size" not in wire(images.Generate(), generate())


@pytest.mark.parametrize("order", ["height_first", "width_first"])
def test_image_size_order_setting_applies_to_openai_sizes(order: Any):
    """The order is unverified (stepfun-api 11.16). Sizes under a StepFun model name are sent unchanged."""
    context = exchange(images.Generate(), image_size_order=order)
    portrait, landscape = ("1360x768", "768x1360") if order == "height_first" else ("768x1360", "1360x768")
    for asked in ("1024x1792", "768x1360"):
        sent = images.Generate().transform_request(generate(size=asked), context)
        assert sent.json["size"] == portrait
        assert context.state(ImageState).size == "768x1360"
    assert images.Generate().transform_request(generate(size="1792x1024"), context).json["size"] == landscape
    named = generate(size="768x1360", model="step-image-edit-2")
    assert images.Generate().transform_request(named, context).json["size"] == "768x1360"
    other = generate(size="1280x800", model="step-2x-large")
    assert images.Generate().transform_request(other, context).json["size"] == "1280x800"


@pytest.mark.parametrize("size", ["big", "0x0", "1x2x3", "10x"])
def test_invalid_size_is_refused(size: str):
    with pytest.raises(RequestRejected, match="WIDTHxHEIGHT"):
        wire(images.Generate(), generate(size=size))


@pytest.mark.parametrize(
    ("fields", "model", "format"),
    [
        ({}, "step-image-edit-2", None),
        ({"model": "dall-e-3"}, "step-image-edit-2", None),
        ({"model": "gpt-image-1"}, "step-image-edit-2", "b64_json"),
        ({"model": "gpt-image-1.5", "response_format": "url"}, "step-image-edit-2", "url"),
        ({"model": "step-2x-large"}, "step-2x-large", None),
        ({"model": "step-1x-medium"}, "step-2x-large", None),
    ],
)
def test_model_and_its_default_format(fields: dict[str, Any], model: str, format: str | None):
    sent = wire(images.Generate(), generate(**fields))
    assert sent["model"] == model
    assert sent.get("response_format") == format


def test_model_without_image_output_is_refused():
    with pytest.raises(RequestRejected, match="step-image-edit-2, step-2x-large") as refused:
        wire(images.Generate(), generate(model="gpt-4o"))
    assert refused.value.param == "model"


def test_unknown_fields_are_sent_and_unsupported_ones_are_reported():
    context = exchange(images.Generate())
    request = generate(quality="hd", style="vivid", background="auto", user="u", seed=7, steps=9, new_thing=1)
    sent = images.Generate().transform_request(request, context).json
    assert sent == {"model": "step-image-edit-2", "prompt": "a cat", "seed": 7, "steps": 9, "new_thing": 1}
    assert lost(context) == ["quality", "style"]


def test_too_long_prompt_is_refused_before_the_request():
    wire(images.Generate(), generate(prompt="x" * 512))
    with pytest.raises(RequestRejected, match="513 characters") as refused:
        wire(images.Generate(), generate(prompt="x" * 513))
    assert refused.value.param == "prompt"


def test_one_image_is_one_request():
    assert images.Generate().script(generate(n=1), exchange(images.Generate())) is None
    data = images.Generate().transform_response({"data": [{"url": "u"}]}, exchange(images.Generate()))
    assert data == {"data": [{"url": "u"}], "created": 0}


def test_several_images_are_several_requests():
    context = exchange(images.Generate())
    reply, sent = drive(images.Generate(), generate(n=3, seed=5), [image(0), image(1), image(2)], context)
    assert [row["url"] for row in reply.body["data"]] == ["https://x/0.png", "https://x/1.png", "https://x/2.png"]
    assert reply.body["created"] == 100
    assert [request.json["seed"] for request in sent] == [5, 6, 7]
    assert all("n" not in request.json for request in sent)
    assert any(change.kind == "cost" for change in context.changes)


def test_finished_images_are_kept_when_a_later_one_is_blocked():
    context = exchange(images.Generate())
    blocked = {"created": 1, "data": [{"finish_reason": "content_filtered"}]}
    with pytest.raises(RequestRejected) as refused:
        drive(images.Generate(), generate(n=3), [image(0), blocked, image(2)], context)
    assert (refused.value.status, refused.value.code) == (400, "content_policy_violation")
    assert [row["url"] for row in context.partial["data"]] == ["https://x/0.png"]


def test_blocked_image_raises_openais_error():
    with pytest.raises(RequestRejected) as refused:
        images.Generate().transform_response(
            {"data": [{"url": "", "finish_reason": "content_filtered"}]}, exchange(images.Generate())
        )
    assert refused.value.code == "content_policy_violation"


@pytest.mark.parametrize("n", [0, 11, -1, True, "x", 1.5e300])
def test_n_out_of_range_is_refused(n: Any):
    with pytest.raises(RequestRejected):
        images.Generate().script(generate(n=n), exchange(images.Generate()))


def test_image_stream_contains_the_finished_images():
    request = generate(n=2, stream=True, partial_images=2)
    context = exchange(images.Generate())
    reply, sent = drive(images.Generate(), request, [image(0, b64_json="QQ=="), image(1, b64_json="QUE=")], context)
    assert reply.headers["content-type"] == "text/event-stream"
    assert sent[0].json["response_format"] == "b64_json"
    assert "stream" not in sent[0].json
    events = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith("data: ")]
    assert [(e["type"], e["b64_json"]) for e in events] == [
        ("image_generation.completed", "QQ=="),
        ("image_generation.completed", "QUE="),
    ]
    assert lost(context) == ["partial_images"]


@pytest.mark.parametrize(
    ("start", "format"), [("iVBORw0KGgo", "png"), ("/9j/4AAQ", "jpeg"), ("UklGRlpQ", "webp"), ("", "png")]
)
def test_stream_event_has_openais_fields(start: str, format: str):
    reply, _ = drive(images.Generate(), generate(size="1536x1024", stream=True), [image(0, b64_json=start)])
    event = json.loads(reply.body.partition("data: ")[2].splitlines()[0])
    assert event["size"] == "1184x896"  # StepFun's size, written width first as OpenAI does
    assert (event["output_format"], event["quality"], event["background"]) == (format, "auto", "auto")
    assert event["usage"]["total_tokens"] == 0


@pytest.mark.parametrize("body", ["<html>", {}, {"data": []}, {"data": ["x"]}, None])
def test_response_without_images_is_invalid(body: Any):
    with pytest.raises(UnexpectedBody):
        images.Generate().transform_response(body, exchange(images.Generate()))


# ---------------------------------------------------------------- edits


def test_edit_sends_one_image():
    request = edit([("image[]", ("a.png", PNG))], model="gpt-image-1", size="1024x1024", n=1)
    context = exchange(images.Edit())
    sent = images.Edit().transform_request(request, context)
    assert sent.files == [("image", ("a.png", PNG))]
    assert sent.json == {"model": "step-image-edit-2", "prompt": "a hat", "response_format": "b64_json"}
    assert lost(context) == ["size"]


def test_open_file_is_sent_with_each_request():
    file = io.BytesIO(PNG)
    file.name = "a.png"
    _, sent = drive(images.Edit(), edit([("image", file)], n=2), [image(0), image(1)])
    assert [request.files for request in sent] == [[("image", ("a.png", PNG))]] * 2


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ([("image[]", PNG), ("image[]", PNG)], "image"),
        ([("image", PNG), ("mask", PNG)], "mask"),
    ],
)
def test_unsupported_edits_are_refused(files: Any, param: str):
    with pytest.raises(RequestRejected) as refused:
        wire(images.Edit(), edit(files))
    assert refused.value.param == param


def test_edit_needs_an_edit_model():
    with pytest.raises(RequestRejected, match="step-image-edit-2"):
        wire(images.Edit(), edit([("image", PNG)], model="step-2x-large"))


def test_edit_accepts_base64_in_the_body():
    assert wire(images.Edit(), edit(None, image="QQ=="))["image"] == "QQ=="


# ---------------------------------------------------------------- variations


def test_variation_is_an_image2image_request():
    request = WireRequest(
        "POST",
        "/images/variations",
        headers={"Content-Type": "multipart/form-data", "X-Mine": "1"},
        json={"model": "dall-e-2", "size": "512x512", "response_format": "b64_json"},
        files=[("image", ("a.png", PNG))],
    )
    context = exchange(images.Variation())
    sent = images.Variation().transform_request(request, context)
    assert sent.path == "/images/image2image"
    assert sent.files is None
    assert sent.headers == {"X-Mine": "1", "Content-Type": "application/json"}
    assert sent.json == {
        "model": "step-2x-large",
        "prompt": "A variation of this image.",
        "source_url": "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "source_weight": 0.5,
        "size": "512x512",
        "response_format": "b64_json",
    }
    reply, steps = drive(
        images.Variation(),
        WireRequest("POST", "/images/variations", json={"n": 2}, files=request.files),
        [image(0), WireResponse(image(1))],
    )
    assert len(reply.body["data"]) == len(steps) == 2


@pytest.mark.parametrize(
    ("content", "words"), [(b"GIF89a", "neither png nor jpeg"), (PNG + b"0" * (10 * 1024 * 1024), "10,485,760")]
)
def test_unsupported_variation_image_is_refused(content: bytes, words: str):
    with pytest.raises(RequestRejected, match=words):
        wire(images.Variation(), WireRequest("POST", "/images/variations", json={}, files=[("image", content)]))


def test_variation_without_an_image_is_refused():
    with pytest.raises(RequestRejected, match="missing"):
        wire(images.Variation(), WireRequest("POST", "/images/variations", json={}))
