"""Resources that run a model, given as `model`, or as an engine or deployment in the URL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from typing_extensions import override

from ... import api_requestor, error, util
from ..._pairs import Flow, awaited, method, pause, step
from ...util import ApiType
from .api_resource import APIResource

MAX_TIMEOUT = 20
_LONGEST_PAUSE = 5.0  # seconds between retries after a 409


class EngineAPIResource(APIResource):
    """`create` and `acreate`, streamed or not."""

    plain_old_data = False

    def __init__(self, engine: Any = None, **kwargs: Any) -> None:
        super().__init__(engine=engine, **kwargs)

    @override
    @classmethod
    def class_url(cls, engine: Any = None, api_type: Any = None, api_version: Any = None) -> str:
        """Return the URL in the format of the API type.

        Raises:
            InvalidRequestError: the API type is Azure's, and there is no deployment.
        """
        base = cls.OBJECT_NAME.replace(".", "/")
        kind, version = cls._get_api_type_and_version(api_type, api_version)
        if kind is ApiType.OPEN_AI:
            return f"/{base}" if engine is None else f"/engines/{quote_plus(engine)}/{base}"
        if engine is None:
            raise error.InvalidRequestError(
                "With api_type 'azure', pass the deployment as 'engine' or 'deployment_id'.", "engine"
            )
        return cls._azure_url(f"{cls.azure_deployments_prefix}/{quote_plus(engine)}/{base}", version)

    @override
    def instance_url(self, operation: str | None = None) -> str:
        """Return the URL of this object, relative to the base URL."""
        path, _, query = self.class_url(self.engine, self.api_type, self.api_version).partition("?")
        return f"{path}/{self._id()}{f'?{query}' if query else ''}"

    @classmethod
    def _prepare(
        cls, api_key: Any, api_base: Any, api_type: Any, api_version: Any, organization: Any, params: Mapping[str, Any]
    ) -> tuple[Any, str, dict[str, Any], dict[str, Any], Any]:
        """Return (requestor, URL, body, other arguments of the request, engine).

        Raises:
            InvalidRequestError: there is no model.
        """
        body = dict(params)
        deployment = body.pop("deployment_id", None)
        engine = body.pop("engine", deployment)
        body.pop("timeout", None)
        options = {name: body.pop(name, None) for name in ("headers", "request_timeout")}
        options["stream"] = body.get("stream", False)
        kind = cls._get_api_type_and_version(api_type)[0]
        if engine is None and (kind is not ApiType.OPEN_AI or body.get("model") is None):
            wanted = "'model' or 'engine'" if kind is ApiType.OPEN_AI else "'engine' or 'deployment_id'"
            raise error.InvalidRequestError(f"{cls.__name__}.create needs {wanted}.", "engine")
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        return requestor, cls.class_url(engine, api_type, api_version), body, options, engine

    @classmethod
    @method
    def create(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Run the model. Returns an object, or a generator of objects with `stream=True`. Retries after a 409, for at
        most `timeout` seconds if given.

        Raises:
            OpenAIError: see `stepfun_compat.legacy.error`.
        """
        requestor, url, body, options, engine = cls._prepare(
            api_key, api_base, api_type, api_version, organization, params
        )
        retries = _Retries(params.get("timeout"))
        while True:
            try:
                response, streamed, key = yield step(
                    requestor, "request", "post", url, params=body, request_id=request_id, **options
                )
                break
            except error.TryAgain as again:
                wait = retries.pause(again)
            yield pause(wait)
        how = {"engine": engine, "plain_old_data": cls.plain_old_data}
        if streamed:
            return (yield step(util, "convert_stream", response, key, api_version, organization, **how))
        cls._must_stream(options, response)
        return util.convert_to_openai_object(response, key, api_version, organization, **how)

    acreate = awaited(create)

    @classmethod
    def _must_stream(cls, options: Mapping[str, Any], response: Any) -> None:
        """Raise `APIError` for a complete response to a streamed call: the program would iterate over its keys."""
        if options["stream"]:
            raise error.APIError(f"{cls.__name__}.create requested a stream but received {response.data!r}.")


class _Retries:
    """The pauses between attempts, and when to stop retrying."""

    def __init__(self, seconds: float | None) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds
        self._next = 0.0

    def pause(self, again: error.TryAgain) -> float:
        """Return the seconds until the next attempt.

        Raises:
            TryAgain: the time limit is reached.
        """
        if self._until is not None and time.monotonic() > self._until:
            raise again
        util.log_info("the model is not ready yet", error=again)
        now, self._next = self._next, min(max(2 * self._next, 0.1), _LONGEST_PAUSE)
        return now
