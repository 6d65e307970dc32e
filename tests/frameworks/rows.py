"""The frameworks of the matrix: installed packages, programs, and their needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Framework:
    """One row. Programs are `programs/{program}_program.py`, and `programs/{program}_handed.py` if `handed` is set."""

    name: str
    """The distribution whose version is shown."""
    program: str
    requirements: tuple[str, ...]
    handed: str | None = None
    """How to pass a client; None: the framework accepts none."""
    cheap: bool = False
    """Installed and run in less than a minute: part of `--cheap`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables this framework needs beyond `QUIET`."""
    refusals: int = 0
    """How many refusals by StepFun each program provokes on purpose."""


QUIET: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "MEM0_TELEMETRY": "False",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "RAGAS_DO_NOT_TRACK": "true",
}
"""Telemetry and downloads are off in every program: the matrix uses only this machine."""

CONSTRAINTS = ("litellm!=1.82.7,!=1.82.8",)
"""Releases that are never installed: these two contained code that stole credentials."""

_RESOURCES = "not needed: it traces openai's resources, including this package's"

FRAMEWORKS: tuple[Framework, ...] = (
    Framework(
        "langchain-openai",
        "langchain",
        ("langchain-openai", "langchain"),
        handed="`client=`, `root_client=`, and their async counterparts",
        cheap=True,
    ),
    Framework("langgraph", "langgraph", ("langchain-openai", "langchain"), handed="through `ChatOpenAI`"),
    Framework(
        "openai-agents",
        "agents",
        ("openai-agents",),
        handed="`openai_client=`, `set_default_openai_client()`",
        cheap=True,
    ),
    Framework(
        "pydantic-ai-slim",
        "pydantic_ai",
        ("pydantic-ai-slim[openai]",),
        handed="`OpenAIProvider(openai_client=)`",
        cheap=True,
    ),
    Framework(
        "instructor",
        "instructor",
        ("instructor",),
        handed="`from_openai(client)`, `patch(client)`",
        cheap=True,
    ),
    Framework(
        "llama-index-llms-openai",
        "llama_index",
        ("llama-index-llms-openai", "llama-index-embeddings-openai", "llama-index-core"),
        handed="`openai_client=`, `async_openai_client=`",
    ),
    Framework("litellm", "litellm", ("litellm==1.82.6",), handed="`client=` of each call", refusals=1),
    Framework("dspy", "dspy", ("dspy", "litellm==1.82.6", "numpy")),
    Framework("crewai", "crewai", ("crewai",)),
    Framework(
        "autogen-ext",
        "autogen",
        ("autogen-ext[openai]", "autogen-agentchat"),
        handed="`BaseOpenAIChatCompletionClient(client)`",
    ),
    Framework("semantic-kernel", "semantic_kernel", ("semantic-kernel",), handed="`async_client=`"),
    Framework("haystack-ai", "haystack", ("haystack-ai",), handed="`generator.client = client`"),
    Framework("smolagents", "smolagents", ("smolagents[openai]",), handed="`model.client = client`"),
    Framework("langfuse", "langfuse", ("langfuse",), handed=_RESOURCES, refusals=1),
    Framework(
        "opentelemetry-instrumentation-openai-v2",
        "otel_v2",
        (
            "opentelemetry-instrumentation-openai-v2>=2.4b0",
            "opentelemetry-util-genai<1.0b0",
            "opentelemetry-sdk",
            "openai<3",
        ),
        handed=_RESOURCES,
        refusals=1,
    ),
    Framework(
        "opentelemetry-instrumentation-openai",
        "otel",
        ("opentelemetry-instrumentation-openai", "opentelemetry-sdk"),
        handed=_RESOURCES,
        refusals=1,
    ),
    Framework("outlines", "outlines", ("outlines[openai]",), handed="`from_openai(client)`"),
    Framework("guidance", "guidance", ("guidance",)),
    Framework("ragas", "ragas", ("ragas", "langchain-community<0.4"), handed="`llm_factory(client=)`"),
    Framework("deepeval", "deepeval", ("deepeval",)),
    Framework("mem0ai", "mem0", ("mem0ai",), handed="`memory.llm.client = client`"),
)
