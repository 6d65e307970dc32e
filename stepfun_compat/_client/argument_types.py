"""The types of the clients' arguments, for type checkers and editors: openai's own, of every supported SDK, and ours.

Never imported when a program runs. What an SDK does not know it refuses when it is called, as openai does. HTTP clients
and URLs are typed by what they can do: those of httpx and of httpx2 are both taken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypedDict

from openai import NotGiven, Timeout

from ..settings import Settings


class URL(Protocol):
    """A URL object of httpx or httpx2."""

    @property
    def host(self) -> str: ...
    @property
    def raw_path(self) -> bytes: ...


class SyncHTTPClient(Protocol):
    """`httpx.Client` or `httpx2.Client`."""

    @property
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...


class AsyncHTTPClient(Protocol):
    """`httpx.AsyncClient` or `httpx2.AsyncClient`."""

    @property
    def is_closed(self) -> bool: ...
    async def aclose(self) -> None: ...


class CommonOptions(TypedDict, total=False):
    """What every client takes, when it is made and when it is copied."""

    admin_api_key: str | None
    organization: str | None
    project: str | None
    webhook_secret: str | None
    workload_identity: Any
    provider: Any
    data_residency: Any
    base_url: str | URL | NotGiven | None
    websocket_base_url: str | URL | None
    timeout: float | Timeout | NotGiven | None
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, object] | None


class MakingOptions(CommonOptions, total=False):
    """What is only given when a client is made."""

    max_retries: int
    _strict_response_validation: bool
    _enforce_credentials: bool


class CopyingOptions(CommonOptions, total=False):
    """What is only given when a client is copied."""

    settings: Settings | None
    max_retries: int | NotGiven
    set_default_headers: Mapping[str, str] | None
    set_default_query: Mapping[str, object] | None
    _enforce_credentials: bool | None
    _extra_kwargs: Mapping[str, Any]


class AzureOptions(TypedDict, total=False):
    """What Azure's clients take beside."""

    azure_endpoint: str | None
    azure_deployment: str | None
    api_version: str | None
    azure_ad_token: str | None


class SyncOptions(MakingOptions, total=False):
    """Arguments of `OpenAI`."""

    api_key: str | Callable[[], str] | None
    http_client: SyncHTTPClient | None


class AsyncOptions(MakingOptions, total=False):
    """Arguments of `AsyncOpenAI`."""

    api_key: str | Callable[[], Awaitable[str]] | None
    http_client: AsyncHTTPClient | None


class SyncCopyOptions(CopyingOptions, total=False):
    """Arguments of `OpenAI.copy` and `with_options`."""

    api_key: str | Callable[[], str] | None
    http_client: SyncHTTPClient | None


class AsyncCopyOptions(CopyingOptions, total=False):
    """Arguments of `AsyncOpenAI.copy` and `with_options`."""

    api_key: str | Callable[[], Awaitable[str]] | None
    http_client: AsyncHTTPClient | None


class SyncAzureOptions(AzureOptions, SyncOptions, total=False):
    """Arguments of `AzureOpenAI`."""

    azure_ad_token_provider: Callable[[], str] | None


class AsyncAzureOptions(AzureOptions, AsyncOptions, total=False):
    """Arguments of `AsyncAzureOpenAI`."""

    azure_ad_token_provider: Callable[[], str | Awaitable[str]] | None


class SyncAzureCopyOptions(AzureOptions, SyncCopyOptions, total=False):
    """Arguments of `AzureOpenAI.copy` and `with_options`."""

    azure_ad_token_provider: Callable[[], str] | None


class AsyncAzureCopyOptions(AzureOptions, AsyncCopyOptions, total=False):
    """Arguments of `AsyncAzureOpenAI.copy` and `with_options`."""

    azure_ad_token_provider: Callable[[], str | Awaitable[str]] | None
