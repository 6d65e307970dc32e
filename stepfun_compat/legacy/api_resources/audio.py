"""`openai.Audio`."""

from __future__ import annotations

from typing import Any

from .. import api_requestor, util
from .._pairs import Flow, awaited, method, step
from ..util import ApiType
from .abstract import APIResource


class Audio(APIResource):
    """Speech to text: `transcribe(model, file)`; the `_raw` forms take bytes and a file name."""

    OBJECT_NAME = "audio"

    @classmethod
    def _prepare(
        cls,
        action: str,
        model: Any,
        file: Any,
        filename: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> tuple[Any, dict[str, Any], tuple[Any, Any]]:
        """Return (requestor, arguments of the request, arguments of the object created from the response)."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        kind, version = cls._get_api_type_and_version(api_type, api_version)
        url = f"{cls.class_url()}/{action}"
        if kind is not ApiType.OPEN_AI and deployment_id is not None:
            url = cls._azure_url(f"{cls.azure_deployments_prefix}/{deployment_id}{url}", version)
        request = {
            "method": "post",
            "url": url,
            "params": {"model": model, **params},
            "files": [("file", (filename, file, "application/octet-stream"))],
        }
        return requestor, request, (api_version, organization)

    @classmethod
    @method
    def _send(cls, action: str, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Flow[Any]:
        requestor, request, made = cls._prepare(action, model, file, filename, *args, **kwargs)
        response, _, key = yield step(requestor, "request", **request)
        return util.convert_to_openai_object(response, key, *made)

    _asend = awaited(_send)

    @classmethod
    @method
    def transcribe(cls, model: Any, file: Any, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Transcribe an open audio file. Other arguments: api_key, api_base, api_type, api_version, organization,
        deployment_id, and parameters of the endpoint."""
        return (yield step(cls, "_send", "transcriptions", model, file, file.name, *args, **kwargs))

    atranscribe = awaited(transcribe)

    @classmethod
    @method
    def translate(cls, model: Any, file: Any, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Translate an open audio file into English."""
        return (yield step(cls, "_send", "translations", model, file, file.name, *args, **kwargs))

    atranslate = awaited(translate)

    @classmethod
    @method
    def transcribe_raw(cls, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Like `transcribe`, for bytes and a file name."""
        return (yield step(cls, "_send", "transcriptions", model, file, filename, *args, **kwargs))

    atranscribe_raw = awaited(transcribe_raw)

    @classmethod
    @method
    def translate_raw(cls, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Like `translate`, for bytes and a file name."""
        return (yield step(cls, "_send", "translations", model, file, filename, *args, **kwargs))

    atranslate_raw = awaited(translate_raw)
