"""openai's own classes, as they were before anything was rebound: for fallbacks and for clients of other vendors."""

from __future__ import annotations

from openai import (
    AsyncAzureOpenAI as AsyncAzureOpenAI,
)
from openai import (
    AsyncClient as AsyncClient,
)
from openai import (
    AsyncOpenAI as AsyncOpenAI,
)
from openai import (
    AzureOpenAI as AzureOpenAI,
)
from openai import (
    Client as Client,
)
from openai import (
    OpenAI as OpenAI,
)

__all__ = ["AsyncAzureOpenAI", "AsyncClient", "AsyncOpenAI", "AzureOpenAI", "Client", "OpenAI"]
