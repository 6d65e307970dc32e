"""The reasons for verdicts. The migration guide has a section for each reason, with an anchor of the same name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["unchanged", "translated", "needs a decision", "will not work"]
VERDICTS: Final[tuple[Verdict, ...]] = ("unchanged", "translated", "needs a decision", "will not work")
"""Ordered by severity."""


@dataclass(frozen=True)
class Reason:
    """One reason. In the templates `why` and `do`, `{detail}` is the subject of the finding."""

    id: str
    verdict: Verdict
    why: str
    do: str
    title: str


REASONS: Final[dict[str, Reason]] = {
    row.id: row
    for row in (
        Reason("import", "unchanged", "stepfun_compat has the same names", "swap the import", "Imports"),
        Reason("part", "unchanged", "{detail} stays in openai, which stepfun_compat is based on", "nothing", "Types and private parts"),
        Reason("legacy", "translated", "{detail} is an API of openai<1.0, which stepfun_compat.legacy provides", "import stepfun_compat.legacy as openai", "openai 0.x"),
        Reason("client", "unchanged", "the client is a subclass of openai's client", "swap the import", "Clients"),
        Reason("azure", "translated", "{detail}: the deployment is used as a model name, and no Azure settings are sent", "map deployments to models with Settings(model_aliases={{…}})", "Azure"),
        Reason("bedrock", "will not work", "{detail} signs requests for Amazon Bedrock", "use OpenAI or AsyncOpenAI", "Bedrock"),
        Reason("endpoint", "unchanged", "StepFun supports it{detail}", "nothing", "Endpoints that work"),
        Reason("limits", "translated", "supported with limits: {detail}", "check the limits", "Endpoints with limits"),
        Reason("fallback", "needs a decision", "StepFun has no such endpoint", "{detail}", "Endpoints that need a fallback"),
        Reason("absent", "will not work", "StepFun has no such endpoint", "{detail}", "Endpoints that StepFun lacks"),
        Reason("unknown-method", "needs a decision", "support for {detail} is unknown: the catalog has no row for it", "try it with `stepfun-compat run --emulate`", "Methods without a row"),
        Reason("raw-request", "needs a decision", "{detail} sends a request to a custom path", "compare the path with the endpoints in the guide", "Requests to a path"),
        Reason("dropped", "needs a decision", "StepFun does not document {detail}: dropped, with a warning", "remove it, or choose with Settings(on_unsupported=…)", "Parameters that are dropped"),
        Reason("parameters", "translated", "sent in translated form: {detail}", "nothing", "Parameters that are translated"),
        Reason("unseen", "needs a decision", "the parameters in {detail} are unknown until run time", "compare them with the table of parameters", "Parameters known only at run time"),
        Reason("built-model", "needs a decision", "the model's name is built at run time", "check that every possible name has an alias, or set STEPFUN_MODEL", "Model names built at run time"),
        Reason("store", "needs a decision", "{detail} reads conversations that the client stores", "choose where to store them: Settings(state=…)", "Conversations and stores"),
        Reason("model", "translated", "{detail}", "nothing, or name the StepFun model", "Model names"),
        Reason("no-model", "needs a decision", "StepFun has no model for {detail}", "use another provider with Settings(fallback=…), or a local model", "Model names without a counterpart"),
        Reason("key", "translated", "{detail}: StepFun's key is STEPFUN_API_KEY; an OpenAI key is never sent to StepFun", "set STEPFUN_API_KEY", "Keys"),
        Reason("variable", "translated", "{detail} is read, and ignored if it names OpenAI or Azure", "remove it, or set its counterpart STEPFUN_…", "Other variables"),
        Reason("openai-url", "translated", "{detail} is ignored: the client uses StepFun's URL", "remove it", "URLs of OpenAI and Azure"),
        Reason("other-url", "unchanged", "a client for {detail} works unchanged, as openai's client", "nothing", "URLs of other vendors"),
        Reason("built-url", "needs a decision", "the URL comes from {detail}", "check that it is StepFun's URL for requests to StepFun", "URLs known at run time"),
        Reason("setting", "translated", "the module setting {detail} applies to the module-level client", "set STEPFUN_API_KEY, or keep it", "Module settings"),
        Reason("error", "unchanged", "all errors are subclasses of openai's errors", "nothing", "Errors"),
        Reason("type", "unchanged", "{detail} stays in openai", "nothing", "Types and private parts in use"),
        Reason("dependency", "translated", "stepfun-compat depends on openai>=1.66", "add stepfun-compat", "Dependencies"),
        Reason("pin", "needs a decision", "{detail} excludes openai>=1.66,<4, which stepfun-compat needs", "raise the pin", "Pins"),
        Reason("not-read", "needs a decision", "not read, but it mentions openai: {detail}", "check it by hand", "Files that were not read"),
    )
}  # fmt: skip


def anchor(reason: str) -> str:
    """Return the link to a reason's section of the guide."""
    return f"migration_guide.md#scan-{reason}"


def worse(one: Verdict, other: Verdict) -> Verdict:
    """Return the more severe verdict."""
    return one if VERDICTS.index(one) >= VERDICTS.index(other) else other
