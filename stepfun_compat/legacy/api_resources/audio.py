"""`openai.Audio`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from .. import api_requestor, util
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
        """(requestor, the request, what belongs to the object made of the answer)."""
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
    def _send(cls, action: str, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
        requestor, request, made = cls._prepare(action, model, file, filename, *args, **kwargs)
        response, _, key = requestor.request(**request)
        return util.convert_to_openai_object(response, key, *made)

    @classmethod
    async def _asend(cls, action: str, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
        requestor, request, made = cls._prepare(action, model, file, filename, *args, **kwargs)
        response, _, key = await requestor.arequest(**request)
        return util.convert_to_openai_object(response, key, *made)

    @classmethod
    def transcribe(cls, model: Any, file: Any, *args: Any, **kwargs: Any) -> Any:
        """The text of an open sound file. Further arguments: api_key, api_base, api_type, api_version, organization,
        deployment_id, and the endpoint's own."""
        return cls._send("transcriptions", model, file, file.name, *args, **kwargs)

    @classmethod
    def translate(cls, model: Any, file: Any, *args: Any, **kwargs: Any) -> Any:
        """The text of an open sound file, in English."""
        return cls._send("translations", model, file, file.name, *args, **kwargs)

    @classmethod
    def transcribe_raw(cls, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
        """As `transcribe`, for bytes and a file name."""
        return cls._send("transcriptions", model, file, filename, *args, **kwargs)

    @classmethod
    def translate_raw(cls, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
        """As `translate`, for bytes and a file name."""
        return cls._send("translations", model, file, filename, *args, **kwargs)

    @classmethod
    def atranscribe(cls, model: Any, file: Any, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """As `transcribe`."""
        return cls._asend("transcriptions", model, file, file.name, *args, **kwargs)

    @classmethod
    def atranslate(cls, model: Any, file: Any, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """As `translate`."""
        return cls._asend("translations", model, file, file.name, *args, **kwargs)

    @classmethod
    def atranscribe_raw(cls, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """As `transcribe_raw`."""
        return cls._asend("transcriptions", model, file, filename, *args, **kwargs)

    @classmethod
    def atranslate_raw(cls, model: Any, file: Any, filename: Any, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """As `translate_raw`."""
        return cls._asend("translations", model, file, filename, *args, **kwargs)
