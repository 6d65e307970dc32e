"""`/images`: generate, edit, and variations by image2image (stepfun-api 8.3). StepFun makes one image per request, so
`n` images are `n` requests."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from ..catalog.aliases import DEFAULT_IMAGE
from ..catalog.images import (
    EDIT_MODEL,
    IMAGE_MODELS,
    OPENAI_MAX_IMAGES,
    VARIATION_MAX_BYTES,
    VARIATION_MODEL,
    VARIATION_PROMPT,
    VARIATION_WEIGHT,
)
from .base import Flow, PassThroughEndpoint, Send, WireRequest, WireResponse, replace
from .context import Json, RequestContext, RequestRejected
from .forms import Part, file_parts
from .json_values import Dict, UnexpectedBody, as_dict, as_list
from .parameters import apply_parameter_policy, given, headers_for, resolve_model_of_kind

if TYPE_CHECKING:
    from ..catalog.schema import ImageModel

_SEED_LIMIT = 2_147_483_647


def nearest_size(requested: str, sizes: Mapping[tuple[int, int], str]) -> str:
    """Return StepFun's size nearest to OpenAI's `WIDTHxHEIGHT`: in shape first, then in area.

    Raises:
        RequestRejected: it is not a size.
    """
    try:
        width, height = (int(side) for side in requested.lower().split("x"))
        shape, area = math.log(width / height), math.log(width * height)
    except (ValueError, ZeroDivisionError):
        raise RequestRejected(
            f"size={requested!r} is not a size: it must be WIDTHxHEIGHT, and StepFun has {', '.join(sizes.values())}.",
            code="invalid_value",
            param="size",
        ) from None

    def distance(size: tuple[int, int]) -> tuple[float, float]:
        return round(abs(math.log(size[0] / size[1]) - shape), 3), abs(math.log(size[0] * size[1]) - area)

    return sizes[min(sizes, key=distance)]


def _translate_size(fields: Dict, wire: Dict, model: str, context: RequestContext) -> None:
    requested = fields.get("size")
    if requested is None:
        return
    if requested == "auto":
        context.record_change("drop", "size", requested, None, "StepFun's default, 1024x1024, applies")
        return
    row = IMAGE_MODELS.get(model)
    if row is None or not isinstance(requested, str):
        wire["size"] = requested
        return
    sizes = _sizes(row, context)
    # with StepFun's model name the caller writes StepFun's sizes, with OpenAI's or none width x height
    native = context.requested_model == model and requested in sizes.values()
    wire["size"] = size = requested if native else nearest_size(requested, sizes)
    width, height = next(sides for sides, text in sizes.items() if text == size)
    context.state(ImageState).size = f"{width}x{height}"
    if size != requested:
        exact = tuple(map(int, requested.lower().split("x"))) in sizes
        context.record_change("clamp", "size", requested, size, f"it is the nearest size of {model}", lossy=not exact)


def _sizes(row: ImageModel, context: RequestContext) -> Mapping[tuple[int, int], str]:
    """Return the model's sizes by (width, height). If the order of sides is unverified, the settings determine it."""
    if row.order_unverified and context.settings.image_size_order == "width_first":
        return {(height, width): text for (width, height), text in row.sizes.items()}
    return row.sizes


def _count(fields: Dict) -> int:
    n = fields.get("n", 1)
    try:
        count = int(n) if isinstance(n, int | str) and not isinstance(n, bool) else 0
    except (TypeError, ValueError):
        count = 0
    if not 1 <= count <= OPENAI_MAX_IMAGES:
        raise RequestRejected(
            f"n={n!r} is not allowed: it must be 1 to {OPENAI_MAX_IMAGES}.", code="invalid_value", param="n"
        )
    return count


def _check_prompt(prompt: Json, limit: int) -> None:
    if isinstance(prompt, str) and len(prompt) > limit:
        raise RequestRejected(
            f"prompt has {len(prompt)} characters; StepFun accepts {limit} for images. Shorten it, for instance with a "
            "chat completion.",
            code="string_above_max_length",
            param="prompt",
        )


def _response_format(fields: Dict, wire: Dict, context: RequestContext) -> None:
    """Request base64 if the program expects it: gpt-image models always return it. StepFun's default is a URL, like
    dall-e's."""
    name = str(context.requested_model or "")
    if "response_format" not in fields and (name.startswith(("gpt-image", "chatgpt-image")) or fields.get("stream")):
        wire["response_format"] = "b64_json"
        context.record_change(
            "inject", "response_format", None, "b64_json", f"{name or 'a stream'} returns no other form"
        )


def image_rows(data: Json) -> list[Dict]:
    """Return the images of one response.

    Raises:
        UnexpectedBody: the response has none.
        RequestRejected: the content review blocked one, which StepFun reports with status 200 (stepfun-api 8.3).
    """
    rows = [row for entry in as_list((as_dict(data) or {}).get("data")) if (row := as_dict(entry)) is not None]
    if not rows:
        raise UnexpectedBody("the response has no list of images")
    if any(row.get("finish_reason") == "content_filtered" for row in rows):
        raise RequestRejected(
            "StepFun's content review blocked the image. Change the prompt.",
            code="content_policy_violation",
            param="prompt",
            type="image_generation_user_error",
        )
    return rows


@dataclass(slots=True)
class ImageState:
    """The size that was sent, as WIDTHxHEIGHT."""

    size: str | None = None


class _Images(PassThroughEndpoint):
    """The base of the image endpoints: one request for each image, and one response."""

    def _wire(self, request: WireRequest, context: RequestContext) -> tuple[WireRequest, int]:
        """Build the request for one image. Returns it and the number of images."""
        raise NotImplementedError

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        return self._wire(request, context)[0]

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        rows = image_rows(data)
        body = as_dict(data) or {}
        body["data"] = rows
        if not isinstance(body.get("created"), int):
            body["created"] = 0
        return body

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        fields = given(request)
        return self._one_by_one(request, context) if _count(fields) > 1 or fields.get("stream") else None

    def _one_by_one(self, request: WireRequest, context: RequestContext) -> Flow:
        stream = bool(given(request).get("stream"))
        wire, count = self._wire(request, context)
        if count > 1:
            context.record_change("cost", "n", count, f"{count} requests", "a StepFun request makes one image")
        done: Dict = {"created": 0, "data": []}
        seed = (as_dict(wire.json) or {}).get("seed")
        reply = WireResponse(None)
        for i in range(count):
            step = wire
            if isinstance(seed, int) and i:  # the same seed would give the same image again
                step = replace(wire, json={**wire.json, "seed": (seed + i) % (_SEED_LIMIT + 1)})
            reply = yield Send(step, example={"data": [{"url": ""}]})
            body = self.transform_response(reply.body, context)
            done = {**body, "created": done["created"] or body["created"], "data": [*done["data"], *body["data"]]}
            # if a later request fails, the client attaches the images already paid for to the error
            context.partial = done
        if stream:
            return WireResponse(
                _events(done, self.event, context.state(ImageState).size),
                reply.status,
                {"content-type": "text/event-stream"},
            )
        return WireResponse(done, reply.status, reply.headers)

    event = "image_generation.completed"


def _format(image: Json) -> str:
    """Return png, jpeg or webp, according to the first bytes of a base64 image."""
    head = image[:16] if isinstance(image, str) else ""
    return "jpeg" if head.startswith("/9j/") else "webp" if head.startswith("UklGR") else "png"


def _events(body: Dict, kind: str, size: str | None) -> str:
    """Build OpenAI's stream of the images, without partial images, which StepFun does not make."""
    out: list[str] = []
    for row in as_list(body.get("data")):
        event = {
            "type": kind,
            "created_at": body["created"],
            "size": size or "auto",
            "quality": "auto",
            "background": "auto",
            "output_format": _format(row.get("b64_json")),
            **{k: v for k, v in row.items() if v is not None},
            # StepFun reports no usage; programs for OpenAI sum it unchecked
            "usage": {
                "input_tokens": 0,
                "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
                "output_tokens": 0,
                "total_tokens": 0,
            },
        }
        out.append(f"event: {kind}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n")
    return "".join(out)


class Generate(_Images):
    """Generate an image from text."""

    name = "images.generate"

    @override
    def _wire(self, request: WireRequest, context: RequestContext) -> tuple[WireRequest, int]:
        fields = given(request)
        model = resolve_model_of_kind(context, fields.get("model"), "image", DEFAULT_IMAGE, self.name)
        row = IMAGE_MODELS.get(model)
        _check_prompt(fields.get("prompt"), row.prompt_limit if row else 512)
        wire: Dict = {"model": model}
        apply_parameter_policy(fields, wire, context, self.name, ("model", "size", "n", "stream"))
        _translate_size(fields, wire, model, context)
        _response_format(fields, wire, context)
        return replace(request, json=wire, headers={**request.headers, **context.headers}), _count(fields)


class Edit(_Images):
    """Edit an image. The result has the size of the input (stepfun-api 8.3)."""

    name = "images.edit"
    event = "image_edit.completed"

    @override
    def _wire(self, request: WireRequest, context: RequestContext) -> tuple[WireRequest, int]:
        fields = given(request)
        model = resolve_model_of_kind(context, fields.get("model"), "image", EDIT_MODEL, self.name)
        row = IMAGE_MODELS[EDIT_MODEL]
        _check_prompt(fields.get("prompt"), row.prompt_limit)
        count = _count(fields)
        images, others = _split(request, count > 1)
        if len(images) > 1:
            raise RequestRejected(
                f"image has {len(images)} files; StepFun edits one. Combine them into one, or make one call for each.",
                code="invalid_value",
                param="image",
            )
        if any(field == "mask" for field, _ in others) or "mask" in fields:
            raise RequestRejected(
                "mask is not available: StepFun edits the complete image. Remove it, and say in the prompt what to "
                "change and what to keep.",
                code="unsupported_parameter",
                param="mask",
            )
        wire: Dict = {"model": model}
        apply_parameter_policy(fields, wire, context, self.name, ("model", "n", "stream", "image"))
        if not images and "image" in fields:
            wire["image"] = fields["image"]  # base64 through extra_body, which StepFun accepts
        _response_format(fields, wire, context)
        files = [*images, *others] or request.files
        return replace(request, json=wire, files=files, headers={**request.headers, **context.headers}), count


def _split(request: WireRequest, several_times: bool) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """Return (the images, the other files). Open files that are sent more than once are read into memory."""
    images: list[tuple[str, Any]] = []
    others: list[tuple[str, Any]] = []
    parts = file_parts(request.files)
    files: Any = request.files or ()
    entries = (
        list(cast("Mapping[str, Any]", files).values()) if isinstance(files, Mapping) else [row[1] for row in files]
    )
    for part, entry in zip(parts, entries, strict=True):
        sent = part.as_upload(part.read()) if several_times else entry
        if part.field in ("image", "image[]") or part.field.startswith("image["):
            images.append(("image", sent))
        else:
            others.append((part.field, sent))
    return images, others


class Variation(_Images):
    """Make a variation by StepFun's image2image, which requires a prompt and a weight (stepfun-api 8.3)."""

    name = "images.create_variation"

    @override
    def _wire(self, request: WireRequest, context: RequestContext) -> tuple[WireRequest, int]:
        fields = given(request)
        images = [part for part in file_parts(request.files) if part.field == "image"]
        if not images:
            raise RequestRejected(
                "image is missing: it must be a png or jpeg file.", code="missing_parameter", param="image"
            )
        context.requested_model = fields.get("model") if isinstance(fields.get("model"), str) else None
        context.model_id, context.model = VARIATION_MODEL, context.catalog.model(VARIATION_MODEL)
        if context.requested_model not in (None, VARIATION_MODEL):
            context.record_change(
                "alias", "model", context.requested_model, VARIATION_MODEL, "image2image has no other model"
            )
        wire: Dict = {
            "model": VARIATION_MODEL,
            "prompt": VARIATION_PROMPT,
            "source_url": _data_url(images[0]),
            "source_weight": VARIATION_WEIGHT,
        }
        apply_parameter_policy(fields, wire, context, self.name, ("model", "image", "n", "size"))
        context.record_change(
            "route", "path", request.path, "/images/image2image", "StepFun has image2image in place of variations"
        )
        context.record_change("inject", "prompt", None, wire["prompt"], "image2image requires a prompt and a weight")
        _translate_size(fields, wire, VARIATION_MODEL, context)
        sent = replace(
            request,
            path="/images/image2image",
            json=wire,
            files=None,
            headers=headers_for(request, content_type="application/json"),
        )
        return sent, _count(fields)


_SIGNATURES: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head.startswith(b"\x89PNG"), "image/png"),
    (lambda head: head.startswith(b"\xff\xd8"), "image/jpeg"),
)


def _data_url(part: Part) -> str:
    content = part.read()
    if len(content) > VARIATION_MAX_BYTES:
        raise RequestRejected(
            f"image has {len(content):,} bytes; StepFun accepts up to {VARIATION_MAX_BYTES:,}.",
            status=413,
            code="file_too_large",
            param="image",
        )
    mime = next((mime for fits, mime in _SIGNATURES if fits(content[:8])), None)
    if mime is None:
        raise RequestRejected("image is neither png nor jpeg: convert it.", code="invalid_value", param="image")
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from ..former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
