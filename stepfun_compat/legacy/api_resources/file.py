"""`openai.File`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

from .. import _send, api_requestor, error, util
from .._pairs import Flow, awaited, method, step
from .abstract import DeletableAPIResource, ListableAPIResource

_FORM = "application/octet-stream"
_DONE = ("processed", "error", "deleted")
_POLL_EVERY = 5.0  # seconds


class File(ListableAPIResource, DeletableAPIResource):
    """Files: `create(file, purpose)`, `list()`, `retrieve(id)`, `download(id)`, `delete(id)`."""

    OBJECT_NAME = "files"

    @classmethod
    def _upload(cls, file: Any, purpose: Any, model: Any, filename: Any, url: str) -> dict[str, Any]:
        files: list[tuple[str, Any]] = [("purpose", (None, purpose))]
        if model is not None:
            files.append(("model", (None, model)))
        files.append(("file", (filename if filename is not None else "file", file, _FORM)))
        return {"method": "post", "url": url, "files": files}

    @classmethod
    @method
    def create(
        cls,
        file: Any,
        purpose: Any,
        model: Any = None,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        user_provided_filename: Any = None,
    ) -> Flow[Any]:
        """Upload an open file. Its name is `file` unless `user_provided_filename` is given."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        url = cls._url(api_type, api_version)
        response, _, key = yield step(
            requestor, "request", **cls._upload(file, purpose, model, user_provided_filename, url)
        )
        return util.convert_to_openai_object(response, key, api_version, organization)

    acreate = awaited(create)

    @classmethod
    @method
    def download(
        cls,
        id: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> Flow[bytes]:
        """Return the content of a file. On StepFun, this is the extracted text.

        Raises:
            OpenAIError: the request failed.
        """
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        url = cls._url(api_type, api_version, f"/{id}/content")
        return cls._downloaded((yield step(requestor, "request_raw", "get", url)))

    adownload = awaited(download)

    @classmethod
    def _downloaded(cls, result: Any) -> bytes:
        if not 200 <= result.status_code < 300:
            _send.interpret(result)
        return result.content

    @classmethod
    def _matching(cls, name: str, bytes: int, files: Iterable[Any], purpose: str) -> Any:
        base = os.path.basename(name)
        return [
            file
            for file in files
            if file["purpose"] == purpose
            and os.path.basename(file["filename"]) == base
            and int(file.get("bytes", bytes)) == bytes
            and int(file.get("size", bytes)) == bytes
        ]

    @classmethod
    @method
    def find_matching_files(cls, name: str, bytes: int, purpose: str, **configuration: Any) -> Flow[Any]:
        """Return the uploaded files with this name, size and purpose."""
        found = yield step(cls, "list", **configuration)
        return cls._matching(name, bytes, found.get("data", []), purpose)

    afind_matching_files = awaited(find_matching_files)

    @classmethod
    def wait_for_processing(cls, id: str, max_wait_seconds: float = 30 * 60) -> Any:
        """Wait until a file is processed, and return its status.

        Raises:
            OpenAIError: this takes longer than `max_wait_seconds`.
        """
        started = time.monotonic()
        while True:
            status = cls.retrieve(id).status
            if status in _DONE:
                return status
            if time.monotonic() - started > max_wait_seconds:
                raise error.OpenAIError(f"File {id} is still {status!r} after {max_wait_seconds} seconds.")
            time.sleep(_POLL_EVERY)
