"""Types of the clients' arguments, for type checkers and editors: those of every supported openai version, and ours.

Never imported at run time. An argument that the installed SDK does not have raises at the call, as with openai. HTTP
clients and URLs are protocols, so that objects of both httpx and httpx2 are accepted.
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
    """Arguments that the constructor and `copy` of every client share."""

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
    """Arguments of the constructor only."""

    max_retries: int
    _strict_response_validation: bool
    _enforce_credentials: bool


class CopyingOptions(CommonOptions, total=False):
    """Arguments of `copy` only."""

    settings: Settings | None
    max_retries: int | NotGiven
    set_default_headers: Mapping[str, str] | None
    set_default_query: Mapping[str, object] | None
    _enforce_credentials: bool | None
    _extra_kwargs: Mapping[str, Any]


class AzureOptions(TypedDict, total=False):
    """Additional arguments of Azure's clients."""

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
