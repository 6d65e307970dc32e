"""The meaning of the names of the `openai` package."""

from __future__ import annotations

import pytest

from stepfun_compat.migrate.link.openai_names import attribute_of_module
from stepfun_compat.migrate.link.values import Value


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        ("openai", "AsyncOpenAI", Value("class", "AsyncOpenAI")),
        ("openai", "RateLimitError", Value("error", "RateLimitError")),
        ("openai", "ChatCompletion", Value("resource", "ChatCompletion", "0.x")),
        ("openai", "api_key", Value("setting", "api_key")),
        ("openai", "api_base", Value("setting", "api_base", "0.x")),
        ("openai", "chat", Value("resource", "chat", "module")),
        ("openai", "error", Value("module", "openai.error", "0.x")),
        ("openai", "types", Value("module", "openai.types")),
        ("openai", "Stream", Value("type", "openai.Stream")),
        ("openai.error", "Timeout", Value("error", "Timeout", "0.x")),
        ("openai.api_resources", "Completion", Value("resource", "Completion", "0.x")),
        ("openai.api_resources", "abstract", Value("module", "openai.api_resources.abstract", "0.x")),
        ("openai.embeddings_utils", "get_embedding", Value("method", "embeddings.create", "0.x")),
        ("openai.embeddings_utils", "cosine_similarity", Value("type", "openai.embeddings_utils.cosine_similarity")),
        ("openai._exceptions", "APIError", Value("error", "APIError")),
        ("openai._client", "OpenAI", Value("class", "OpenAI")),
        ("openai.lib.azure", "AzureOpenAI", Value("class", "AzureOpenAI")),
        ("openai.resources", "Embeddings", Value("resource", "embeddings", "1+")),
        ("openai.resources", "chat", Value("module", "openai.resources.chat")),
        ("openai.types", "chat", Value("module", "openai.types.chat")),
        ("openai.types.chat", "ChatCompletion", Value("type", "openai.types.chat.ChatCompletion")),
        ("openai.version", "VERSION", Value("type", "openai.version.VERSION")),
    ],
)
def test_package_name_has_one_meaning(module: str, name: str, value: Value) -> None:
    assert attribute_of_module(module, name).values == {value}
