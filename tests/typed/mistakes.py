# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Mistakes a type checker must report: an unused ignore comment would be an error."""

from __future__ import annotations

from stepfun_compat import AsyncOpenAI, AzureOpenAI, OpenAI

OpenAI(timeuot=3)  # type: ignore[call-arg]
OpenAI(max_retries="two")  # type: ignore[arg-type]
OpenAI(settings="strict")  # type: ignore[arg-type]
AsyncOpenAI(api_key=3)  # type: ignore[arg-type]
AzureOpenAI(azure_endpiont="https://x.openai.azure.com")  # type: ignore[call-arg]
OpenAI().with_options(timeuot=3)  # type: ignore[call-arg]
OpenAI().chat.completions.create(model=3, messages=[])  # type: ignore[call-overload]
