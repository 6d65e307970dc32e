"""Images on the wire (stepfun-api 8.3)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from stepfun_compat.emulator import media


def error_of(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    return response.json()["error"]


@pytest.fixture
def draw(http: Any) -> Any:
    def post(path: str = "/v1/images/generations", **body: Any) -> Any:
        return http.post(path, json={"model": "step-image-edit-2", "prompt": "a cat", **body})

    return post


def picture_of(response: Any) -> bytes:
    assert response.status_code == 200, response.text
    return base64.b64decode(response.json()["data"][0]["b64_json"])


def test_default_format_is_a_fetchable_url(draw: Any, http: Any) -> None:
    data = draw().json()
    assert not {"usage", "revised_prompt"} & {*data, *data["data"][0]}
    assert data["data"][0]["finish_reason"] == "success"
    image = http.get(data["data"][0]["url"])
    assert image.headers["content-type"] == "image/png"
    assert media.picture_size(image.content) == (1024, 1024)


def test_sizes_are_height_by_width_as_documented(draw: Any, server: Any) -> None:
    body = {"size": "768x1360", "response_format": "b64_json"}
    assert media.picture_size(picture_of(draw(**body))) == (1360, 768)
    server.configure(image_size_order="wh")
    assert media.picture_size(picture_of(draw(**body))) == (768, 1360)
    body["size"] = "1280x800"
    assert media.picture_size(picture_of(draw(**body, model="step-2x-large"))) == (1280, 800)


@pytest.mark.parametrize(
    "body",
    [
        {"size": "auto"},
        {"size": "1536x1024"},
        {"size": "256x256"},
        {"n": 2},
        {"prompt": ""},
        {"prompt": "x" * 513},
        {"steps": 51},
        {"seed": -1},
        {"cfg_scale": 0.5},
        {"response_format": "png"},
        {"model": "dall-e-3"},
        {"model": "step-1x-medium"},
        {"model": "step-3.7-flash"},
    ],
)
def test_invalid_requests_are_refused(draw: Any, body: Any) -> None:
    assert error_of(draw(**body))["type"] == "request_params_invalid"


def test_openai_options_are_accepted_unless_strict(draw: Any, server: Any) -> None:
    assert draw(quality="high", user="u").status_code == 200
    server.configure(strict=True)
    assert draw(quality="high").status_code == 400
    assert draw(negative_prompt="dogs", text_mode=True).status_code == 200
    assert draw(model="step-2x-large", negative_prompt="dogs").status_code == 400


def test_blocked_image_has_http_status_200(draw: Any) -> None:
    data = draw(prompt="emulator-blocked").json()["data"][0]
    assert (data["finish_reason"], data["url"]) == ("content_filtered", "")


def test_same_prompt_and_seed_give_the_same_image(draw: Any) -> None:
    one, two, three = (picture_of(draw(response_format="b64_json", seed=seed)) for seed in (1, 1, 2))
    assert one == two != three


def test_edits_keep_the_size_of_the_source(http: Any) -> None:
    source = media.png(640, 480, (1, 2, 3))

    def edit(files: Any, **form: str) -> Any:
        form = {"model": "step-image-edit-2", "prompt": "hat", "response_format": "b64_json", **form}
        return http.post("/v1/images/edits", data=form, files=files)

    assert media.picture_size(picture_of(edit({"image": ("a.png", source)}, size="1024x1024"))) == (640, 480)
    pair = [("image[]", ("a.png", source)), ("image[]", ("b.png", source))]
    assert "exactly one" in error_of(edit(pair))["message"]
    assert error_of(edit({"image": ("a.png", b"not a picture")}))
    assert error_of(edit({"image": ("a.png", media.png(4097, 10, (0, 0, 0)))}))
    assert error_of(edit({"image": ("a.png", source)}, model="step-2x-large"))


def test_edits_do_not_support_masks(http: Any, server: Any) -> None:
    source = media.png(8, 8, (1, 2, 3))
    form = {"model": "step-image-edit-2", "prompt": "hat"}
    files = {"image": ("a.png", source), "mask": ("m.png", source)}
    assert http.post("/v1/images/edits", data=form, files=files).status_code == 200
    server.configure(strict=True)
    assert http.post("/v1/images/edits", data=form, files=files).status_code == 400


def test_image_to_image_needs_a_weight(http: Any) -> None:
    source = "data:image/png;base64," + base64.b64encode(media.png(300, 200, (1, 2, 3))).decode()
    body = {"model": "step-2x-large", "prompt": "cat", "source_url": source, "response_format": "b64_json"}
    path = "/v1/images/image2image"
    assert "source_weight" in error_of(http.post(path, json=body))["message"]
    assert media.picture_size(picture_of(http.post(path, json={**body, "source_weight": 0.5}))) == (300, 200)
    assert error_of(http.post(path, json={**body, "source_weight": 0}))
    gif = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    assert "png, jpeg" in error_of(http.post(path, json={**body, "source_weight": 1, "source_url": gif}))["message"]
    assert error_of(http.post(path, json={**body, "source_weight": 1, "source_url": "x"}))


def test_step_plan_has_generations_and_edits_of_one_model(draw: Any, http: Any) -> None:
    assert draw("/step_plan/v1/images/generations").status_code == 200
    assert draw("/step_plan/v1/images/generations", model="step-2x-large").status_code == 400
    assert http.post("/step_plan/v1/images/image2image", json={}).status_code == 404
    assert http.post("/v1/images/variations", json={}).status_code == 404
