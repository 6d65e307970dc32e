"""The names of the `openai` package, 0.x and 1+: client classes, resources and their methods, errors, settings.

A test compares them with the installed client, so that none is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

CLIENT_CLASSES: Final = frozenset(
    [
        "OpenAI",
        "AsyncOpenAI",
        "Client",
        "AsyncClient",
        "AzureOpenAI",
        "AsyncAzureOpenAI",
        "BedrockOpenAI",
        "AsyncBedrockOpenAI",
    ]
)

_CRUD: Final = "create retrieve update delete list"
_RESOURCES: Final[Mapping[str, str]] = {
    "audio.speech": "create",
    "audio.transcriptions": "create",
    "audio.translations": "create",
    "audio.voice_consents": _CRUD,
    "audio.voices": "create delete",
    "batches": "cancel create list retrieve",
    "beta.agents": _CRUD,
    "beta.assistants": _CRUD,
    "beta.assistants.files": "create retrieve delete list",
    "beta.chat.completions": "create delete list parse retrieve stream update",
    "beta.chat.completions.messages": "list",
    "beta.chatkit": "upload_file",
    "beta.chatkit.sessions": "cancel create",
    "beta.chatkit.threads": "delete list list_items retrieve",
    "beta.realtime": "connect",
    "beta.realtime.sessions": "create",
    "beta.realtime.transcription_sessions": "create",
    "beta.responses": "cancel compact connect create delete retrieve",
    "beta.responses.input_items": "list",
    "beta.responses.input_tokens": "count",
    "beta.threads": "create create_and_run create_and_run_poll create_and_run_stream delete retrieve update",
    "beta.threads.messages": _CRUD,
    "beta.threads.messages.files": "retrieve list",
    "beta.threads.runs": "cancel create create_and_poll create_and_stream list poll retrieve stream submit_tool_outputs "
    "submit_tool_outputs_and_poll submit_tool_outputs_stream update",
    "beta.threads.runs.steps": "list retrieve",
    "beta.vector_stores": "create delete list retrieve update",
    "beta.vector_stores.files": "create create_and_poll delete list poll retrieve upload upload_and_poll",
    "beta.vector_stores.file_batches": "cancel create create_and_poll list_files poll retrieve upload_and_poll",
    "chat.completions": "create delete list parse retrieve stream update",
    "chat.completions.messages": "list",
    "completions": "create",
    "containers": "create delete list retrieve",
    "containers.files": "create delete list retrieve",
    "containers.files.content": "retrieve",
    "content_provenance_checks": "create",
    "conversations": "create delete retrieve update",
    "conversations.items": "create delete list retrieve",
    "decisions": "create",
    "edits": "create",
    "embeddings": "create",
    "evals": _CRUD,
    "evals.runs": "cancel create delete list retrieve",
    "evals.runs.output_items": "list retrieve",
    "files": "content create delete list retrieve retrieve_content wait_for_processing",
    "fine_tunes": "cancel create list list_events retrieve",
    "fine_tuning.alpha.graders": "run validate",
    "fine_tuning.checkpoints.permissions": "create delete list retrieve",
    "fine_tuning.jobs": "cancel create list list_events pause resume retrieve",
    "fine_tuning.jobs.checkpoints": "list",
    "images": "create_variation edit generate",
    "live": "connect create",
    "live.forks": "connect",
    "live.sessions": "accept download_recording fork hangup refer reject",
    "live.sideband": "connect",
    "models": "delete list retrieve",
    "moderations": "create",
    "realtime": "connect",
    "realtime.calls": "accept create hangup refer reject",
    "realtime.client_secrets": "create",
    "realtime.translations": "connect",
    "realtime.translations.client_secrets": "create",
    "responses": "cancel compact connect create delete parse retrieve stream",
    "responses.input_items": "list",
    "responses.input_tokens": "count",
    "safety.alerts": "retrieve",
    "safety.cases": "retrieve",
    "skills": _CRUD,
    "skills.content": "retrieve",
    "skills.versions": "create delete list retrieve",
    "skills.versions.content": "retrieve",
    "uploads": "cancel complete create upload_file_chunked",
    "uploads.parts": "create",
    "vector_stores": "create delete list retrieve search update",
    "vector_stores.files": "content create create_and_poll delete list poll retrieve update upload upload_and_poll",
    "vector_stores.file_batches": "cancel create create_and_poll list_files poll retrieve upload_and_poll",
    "videos": "create create_and_poll create_character delete download_content edit extend get_character list poll "
    "remix retrieve",
    "webhooks": "create delete list retrieve rotate_secret test unwrap update verify_signature",
    "webhooks.event_types": "list",
}
METHODS: Final[Mapping[str, frozenset[str]]] = {path: frozenset(names.split()) for path, names in _RESOURCES.items()}
"""The methods of each resource of the client, except those below `OPEN_RESOURCES`."""

OPEN_RESOURCES: Final = ("admin", "beta.agents")
"""Resources with many parts but a single verdict: any method below them counts."""

VERBS: Final = frozenset(
    [
        "create",
        "retrieve",
        "update",
        "delete",
        "list",
        "cancel",
        "pause",
        "resume",
        "archive",
        "validate",
        "activate",
        "deactivate",
        "stream",
        "connect",
        "content",
        "upload",
        "prepare",
        "prepare_directory",
        "for_result",
        "list_rate_limits",
        "update_rate_limit",
        "audio_speeches",
        "audio_transcriptions",
        "code_interpreter_sessions",
        "completions",
        "costs",
        "decisions",
        "embeddings",
        "file_search_calls",
        "images",
        "moderations",
        "vector_stores",
        "web_search_calls",
    ]
)

NO_REQUEST: Final = frozenset({"webhooks.unwrap", "webhooks.verify_signature"})
"""Methods that send no request."""

PREFIXES: Final = frozenset(
    ".".join(path.split(".")[:size]) for path in (*METHODS, *OPEN_RESOURCES) for size in range(1, path.count(".") + 2)
)
"""The attribute paths from the client to every resource."""

WRAPPED: Final = frozenset({"with_raw_response", "with_streaming_response"})
"""Attributes of a client or resource with the same methods as the object itself."""

COPIES: Final = frozenset({"with_options", "copy"})
"""Methods of a client that return another client."""

RAW_VERBS: Final = frozenset(["get", "post", "put", "patch", "delete", "get_api_list", "request"])
"""Methods of a client that send a request to any path."""

LEGACY: Final[Mapping[str, Mapping[str, str]]] = {
    "ChatCompletion": {"create": "chat.completions.create"},
    "Completion": {"create": "completions.create"},
    "Embedding": {"create": "embeddings.create"},
    "Image": {"create": "images.generate", "create_edit": "images.edit", "create_variation": "images.create_variation"},
    "Audio": {
        "transcribe": "audio.transcriptions.create",
        "transcribe_raw": "audio.transcriptions.create",
        "translate": "audio.translations.create",
        "translate_raw": "audio.translations.create",
    },
    "Moderation": {"create": "moderations.create"},
    "Edit": {"create": "edits.create"},
    "File": {
        "create": "files.create",
        "list": "files.list",
        "retrieve": "files.retrieve",
        "delete": "files.delete",
        "download": "files.content",
        "find_matching_files": "files.list",
    },
    "Model": {"list": "models.list", "retrieve": "models.retrieve", "delete": "models.delete"},
    "Engine": {"list": "models.list", "retrieve": "models.retrieve", "generate": "completions.create"},
    "FineTune": {
        "create": "fine_tuning.jobs.create",
        "list": "fine_tuning.jobs.list",
        "retrieve": "fine_tuning.jobs.retrieve",
        "cancel": "fine_tuning.jobs.cancel",
        "delete": "models.delete",
        "list_events": "fine_tuning.jobs.list_events",
        "stream_events": "fine_tuning.jobs.list_events",
    },
    "FineTuningJob": {
        "create": "fine_tuning.jobs.create",
        "list": "fine_tuning.jobs.list",
        "retrieve": "fine_tuning.jobs.retrieve",
        "cancel": "fine_tuning.jobs.cancel",
        "list_events": "fine_tuning.jobs.list_events",
        "stream_events": "fine_tuning.jobs.list_events",
    },
    "Deployment": {
        "create": "deployments.create",
        "list": "models.list",
        "retrieve": "models.retrieve",
        "delete": "deployments.delete",
    },
    "Customer": {"create": "deployments.create"},
    "Answer": {"create": "completions.create"},
    "Classification": {"create": "completions.create"},
    "Search": {"create": "embeddings.create"},
}
"""The resource classes of openai<1.0, with the replacement of each method. Each method has an async variant with the
prefix `a`."""

LEGACY_FUNCTIONS: Final[Mapping[str, str]] = {
    "get_embedding": "embeddings.create",
    "get_embeddings": "embeddings.create",
    "aget_embedding": "embeddings.create",
    "aget_embeddings": "embeddings.create",
}
"""Functions of `openai.embeddings_utils` that send a request."""

ERRORS: Final = frozenset(
    [
        "OpenAIError",
        "APIError",
        "APIStatusError",
        "APIConnectionError",
        "APITimeoutError",
        "APIResponseValidationError",
        "AuthenticationError",
        "BadRequestError",
        "ConflictError",
        "InternalServerError",
        "NotFoundError",
        "PermissionDeniedError",
        "RateLimitError",
        "UnprocessableEntityError",
        "LengthFinishReasonError",
        "ContentFilterFinishReasonError",
        "InvalidWebhookSignatureError",
        "OAuthError",
        "WebSocketConnectionClosedError",
        "WebSocketQueueFullError",
        "InvalidRequestError",
        "ServiceUnavailableError",
        "Timeout",
        "TryAgain",
        "PermissionError",
        "InvalidAPIType",
        "SignatureVerificationError",
    ]
)
LEGACY_ERRORS: Final = frozenset(
    ["InvalidRequestError", "ServiceUnavailableError", "TryAgain", "InvalidAPIType", "SignatureVerificationError"]
)
NOT_ERRORS_AT_TOP: Final = frozenset({"Timeout", "PermissionError"})
"""Error classes of `openai.error` whose names mean something else at the top level of the package."""

SETTINGS: Final = frozenset(
    [
        "api_key",
        "api_base",
        "api_type",
        "api_version",
        "organization",
        "project",
        "base_url",
        "timeout",
        "max_retries",
        "default_headers",
        "default_query",
        "http_client",
        "azure_endpoint",
        "azure_ad_token",
        "azure_ad_token_provider",
        "proxy",
        "requestssession",
        "aiosession",
        "api_key_path",
        "log",
        "debug",
        "verify_ssl_certs",
        "ca_bundle_path",
        "enable_telemetry",
        "app_info",
        "webhook_secret",
        "admin_api_key",
    ]
)
LEGACY_SETTINGS: Final = frozenset(
    [
        "api_base",
        "proxy",
        "requestssession",
        "aiosession",
        "api_key_path",
        "debug",
        "verify_ssl_certs",
        "ca_bundle_path",
        "enable_telemetry",
        "app_info",
        "log",
    ]
)

LEGACY_MODULES: Final = frozenset(
    [
        "api_requestor",
        "api_resources",
        "datalib",
        "embeddings_utils",
        "error",
        "object_classes",
        "openai_object",
        "openai_response",
        "util",
    ]
)

BASE_URL_ARGUMENTS: Final = frozenset({"base_url", "azure_endpoint", "api_base", "endpoint", "websocket_base_url"})

DROP_INS: Final[Mapping[str, str]] = {
    "langfuse.openai": "openai",
    "posthog.ai.openai": "openai",
    "helicone.openai_proxy": "openai",
}
"""Modules of other distributions that export openai's module or subclasses of its clients."""

VENDORS: Final = frozenset(
    [
        "groq",
        "together",
        "anthropic",
        "mistralai",
        "zhipuai",
        "cohere",
        "cerebras",
        "litellm",
        "fireworks",
        "fireworks_ai",
        "replicate",
        "ai21",
        "dashscope",
        "volcenginesdkarkruntime",
        "qianfan",
        "sparkai",
        "google",
        "vertexai",
        "ollama",
        "llama_cpp",
        "huggingface_hub",
        "ibm_watsonx_ai",
        "portkey_ai",
        "langchain",
        "langchain_openai",
        "langchain_community",
        "langchain_core",
        "llama_index",
        "reka_api",
        "writerai",
        "sambanova",
        "octoai",
        "aleph_alpha_client",
        "xai_sdk",
        "perplexity",
        "deepseek",
        "upstage",
        "zai",
        "stepfun_compat",
        "g4f",
        "azure",
        "boto3",
        "genai",
        "aisuite",
        "any_llm",
        "mistral_inference",
        "predictionguard",
        "friendli",
        "lepton",
        "nebius",
        "novita_client",
        "baidubce",
        "hunyuan",
        "minimax",
        "moonshot",
        "snowflake",
        "databricks",
        "mlflow",
        "edenai",
        "clarifai",
        "openrouter",
        "lmstudio",
        "maritalk",
        "voyageai",
        "gigachat",
        "autogen",
        "guidance",
    ]
)
"""Top-level modules of other vendors, and of frameworks with their own clients."""


@lru_cache(maxsize=4096)
def resource_attribute(path: str, attribute: str) -> tuple[Literal["resource", "method"], str] | None:
    """Classify an attribute of a resource: `("resource", path)`, `("method", target)` or None.

    `path` is empty for the client itself.
    """
    if attribute in WRAPPED:
        return ("resource", path)
    below = f"{path}.{attribute}" if path else attribute
    if below in PREFIXES:
        return ("resource", below)
    if attribute in METHODS.get(path, ()):
        return ("method", below)
    if any(path == one or path.startswith(one + ".") for one in OPEN_RESOURCES):
        return ("method", below) if attribute in VERBS else ("resource", below)
    return None


def legacy_method(resource: str, attribute: str) -> str | None:
    """Return the replacement of a method of openai<1.0, such as `ChatCompletion`, `acreate`."""
    methods = LEGACY.get(resource)
    if methods is None:
        return None
    return methods.get(attribute) or (methods.get(attribute[1:]) if attribute.startswith("a") else None)


_RESOURCE_CLASSES: Final[Mapping[str, str]] = {
    "".join(part.capitalize() for part in path.split(".")[-1].split("_")): path for path in reversed(METHODS)
}


def resource_of_class(module: str, name: str) -> str | None:
    """Return the path of a class below `openai.resources`: `Completions` of `openai.resources.chat.completions`."""
    if name.startswith("Async"):
        name = name[5:]
    for suffix in ("WithRawResponse", "WithStreamingResponse"):
        name = name.removesuffix(suffix)
    snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")
    parts = module.split(".")[2:]
    candidates = [".".join([*parts[:size], snake]) for size in range(len(parts), -1, -1)]
    candidates += [".".join(parts)] if parts and parts[-1] == snake else []
    for path in candidates:
        if path in PREFIXES:
            return path
    return _RESOURCE_CLASSES.get(name)
