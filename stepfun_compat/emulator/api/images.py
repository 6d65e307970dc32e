"""Image generation and editing: one image per request; a blocked image has status 200 (stepfun-api 8.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib

from .. import catalog as facts
from .. import media
from ..json_values import Object, as_object, as_text, is_integer
from ..state import Engine
from . import errors
from .answers import Answer, Body, json_body
from .calls import Call, Endpoint
from .chat_request import check_number

PICTURES = "/__emulator__/images/"

_COMMON = frozenset({"model", "prompt", "response_format", "seed", "steps", "cfg_scale"})
_GENERATION = _COMMON | {"size", "n"}
_EDIT_ONLY = frozenset({"negative_prompt", "text_mode"})
_MAX_PROMPT = 512
_MAX_SEED = 2_147_483_647
_MAX_SOURCE = 10 * 1024 * 1024


def generate(call: Call) -> Answer:
    """Generate an image from a text."""
    body = call.object()
    model = _model(call, body, ("step-image-edit-2", "step-2x-large"))
    known = _GENERATION | (_EDIT_ONLY if model == "step-image-edit-2" else frozenset[str]())
    _check(call, body, known, _MAX_PROMPT, 50)
    n = body.get("n")
    if n is not None and n != 1:
        raise errors.invalid_param("n", "1")
    size = body.get("size") or "1024x1024"
    if size not in facts.IMAGE_SIZES[model]:
        raise errors.invalid_param("size", ", ".join(facts.IMAGE_SIZES[model]))
    return _answer(call, body, _dimensions(call, model, str(size)))


def edit(call: Call) -> Answer:
    """Edit one image. The result has the same size; `size` is ignored."""
    body: Object = {name: _typed(values[-1]) for name, values in call.request.form.items()}
    uploads = call.request.files
    if call.config.strict:
        errors.check_known(uploads, ("image", "image[]", "mask"))
        errors.check_known(uploads, ("image", "image[]"))
    _model(call, body, ("step-image-edit-2",))
    _check(call, body, _COMMON | _EDIT_ONLY | {"size", "image"}, _MAX_PROMPT, 50)
    pictures = [item.content for name in ("image", "image[]") for item in uploads.get(name, [])]
    pictures += map(_decode, call.request.form.get("image", ()))
    if len(pictures) != 1:
        raise errors.invalid_param("image", "exactly one image")
    return _answer(call, body, _source_size(pictures[0], "image", 4096))


def image_to_image(call: Call) -> Answer:
    """Generate an image from another image, given as a URL or data URL."""
    body = call.object()
    model = _model(call, body, ("step-2x-large",))
    _check(call, body, _GENERATION | {"source_url", "source_weight"}, 1024, 100)
    weight = body.get("source_weight")
    if weight is None:
        raise errors.invalid_param("source_weight", "(0.0,1.0]")
    check_number(body, "source_weight", 0, 1, "(0.0,1.0]", open_low=True)
    size = _url_size(as_text(body.get("source_url")))
    if body.get("size") is not None:
        if body["size"] not in facts.IMAGE_SIZES[model]:
            raise errors.invalid_param("size", ", ".join(facts.IMAGE_SIZES[model]))
        size = _dimensions(call, model, str(body["size"]))
    return _answer(call, body, size)


def _url_size(source: str) -> tuple[int, int]:
    """Return the size of the image in a data URL. Other URLs are not fetched; 1024x1024 is assumed."""
    if source.startswith(("http://", "https://")):
        return (1024, 1024)
    if not source.startswith("data:image/"):
        raise errors.invalid_param("source_url", "URL or data URL")
    data = _decode(source)
    if len(data) > _MAX_SOURCE:
        raise errors.invalid("source_url is larger than 10 MB")
    if not data.startswith((b"\x89PNG", b"\xff\xd8")):
        raise errors.invalid_param("source_url", "png, jpeg")
    return _source_size(data, "source_url", 2048)


def picture(engine: Engine, identity: str) -> Body | None:
    """Return the generated image with this id, to which response URLs point."""
    stored = engine.table("images").get(identity.removesuffix(".png"))
    return None if stored is None else Body(media.png(*stored), 200, "image/png")


# -- checks ------------------------------------------------------------------------------------------------------


def _typed(text: str) -> object:
    """Convert a form field to a JSON value."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _model(call: Call, body: Object, allowed: tuple[str, ...]) -> str:
    name = body.get("model")
    if not name:
        raise errors.invalid_param("model", "not empty")
    row = facts.MODELS.get(str(name))
    if row is None or (call.channel == "plan" and not row.plan):
        raise errors.unknown_model(str(name), call.config.unknown_model_status)
    if row.id not in allowed:
        raise errors.invalid_param("model", ", ".join(allowed))
    return row.id


def _check(call: Call, body: Object, known: frozenset[str], prompt: int, steps: int) -> None:
    if call.config.strict:
        errors.check_known(body, known)
    text = str(body.get("prompt") or "")
    if not 1 <= len(text) <= prompt:
        raise errors.invalid_param("prompt", f"1 to {prompt} characters")
    if len(str(body.get("negative_prompt") or "")) > _MAX_PROMPT:
        raise errors.invalid_param("negative_prompt", f"at most {_MAX_PROMPT} characters")
    if body.get("response_format") not in (None, "url", "b64_json"):
        raise errors.invalid_param("response_format", "url, b64_json")
    for name, low, high in (("seed", 0, _MAX_SEED), ("steps", 1, steps)):
        value = body.get(name)
        if value is not None and (not is_integer(value) or not low <= value <= high):
            raise errors.invalid_param(name, f"[{low},{high}]")
    check_number(body, "cfg_scale", 1, 10, "[1.0,10.0]")


def _dimensions(call: Call, model: str, size: str) -> tuple[int, int]:
    """Return width and height. For step-image-edit-2, height x width is documented (stepfun-api 8.3, 11.16)."""
    left, _, right = size.partition("x")
    first, second = int(left), int(right)
    if model == "step-image-edit-2" and call.config.image_size_order == "hw":
        return second, first
    return first, second


def _decode(text: str) -> bytes:
    data = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.invalid("image: invalid base64 data") from error


def _source_size(data: bytes, name: str, limit: int) -> tuple[int, int]:
    size = media.picture_size(data)
    if size is None:
        raise errors.invalid(f"{name} is not a picture")
    if max(size) > limit:
        raise errors.invalid_param(name, f"at most {limit}x{limit}")
    return size


# -- answers -----------------------------------------------------------------------------------------------------


def _answer(call: Call, body: Object, size: tuple[int, int]) -> Answer:
    prompt = str(body["prompt"])
    digest = hashlib.sha256(f"{prompt} {body.get('seed')}".encode("utf-8", "surrogatepass")).digest()
    form = body.get("response_format") or "url"
    blocked = any(term in prompt for term in call.config.blocked_terms)
    width, height = size
    colour = (digest[0], digest[1], digest[2])
    if blocked:
        value = ""
    elif form == "b64_json":
        value = base64.b64encode(media.png(width, height, colour)).decode()
    else:
        identity = call.engine.new_id()
        call.engine.table("images")[identity] = (width, height, colour)
        host = call.request.headers.get("host", "localhost")
        value = f"http://{host}{PICTURES}{identity}.png"
    image: Object = {
        str(form): value,
        "finish_reason": "content_filtered" if blocked else "success",
        "seed": body.get("seed") or int.from_bytes(digest[3:7], "big") % _MAX_SEED,
    }
    return json_body({"id": call.engine.new_id(), "created": call.engine.now(), "data": [as_object(image)]})


ENDPOINTS = (
    Endpoint("POST", "/images/generations", generate, plan=True, metered=True),
    Endpoint("POST", "/images/edits", edit, plan=True, metered=True),
    Endpoint("POST", "/images/image2image", image_to_image, metered=True),
)
