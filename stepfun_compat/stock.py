"""openai's own classes, imported before anything is rebound: for fallbacks and for clients of other vendors."""

from __future__ import annotations

from typing import Any

import openai as _openai
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

# openai's own module client, for an `api_type` of another vendor; openai has no public name for it
load_client: Any = vars(_openai)["_load_client"]
reset_client: Any = vars(_openai)["_reset_client"]

__all__ = ["AsyncAzureOpenAI", "AsyncClient", "AsyncOpenAI", "AzureOpenAI", "Client", "OpenAI"]
