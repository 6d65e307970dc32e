"""Why a finding gets its verdict: one row for each reason. The guide has a section for each, by the same anchor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["unchanged", "translated", "needs a decision", "will not work"]
VERDICTS: Final[tuple[Verdict, ...]] = ("unchanged", "translated", "needs a decision", "will not work")
"""From the least to the most to do."""


@dataclass(frozen=True)
class Reason:
    """`why` and `do` are templates: `{detail}` is what the reason is about in one case."""

    id: str
    verdict: Verdict
    why: str
    do: str
    title: str


REASONS: Final[dict[str, Reason]] = {
    row.id: row
    for row in (
        Reason("import", "unchanged", "stepfun_compat has the same names", "swap the import", "Imports"),
        Reason("part", "unchanged", "{detail} stays openai's: it is the base of stepfun_compat", "nothing", "Types and private parts"),
        Reason("legacy", "translated", "{detail} is the surface of openai<1.0, which stepfun_compat.legacy has", "import stepfun_compat.legacy as openai", "openai 0.x"),
        Reason("client", "unchanged", "the client is a subclass of openai's", "swap the import", "Clients"),
        Reason("azure", "translated", "{detail}: a deployment is taken for a model name, and nothing of Azure's is sent", "map deployments to models with Settings(model_aliases={{…}})", "Azure"),
        Reason("bedrock", "will not work", "{detail} signs requests for Amazon Bedrock", "use OpenAI or AsyncOpenAI", "Bedrock"),
        Reason("endpoint", "unchanged", "StepFun answers it{detail}", "nothing", "Endpoints that work"),
        Reason("limits", "translated", "it works with limits: {detail}", "check the limits", "Endpoints with limits"),
        Reason("fallback", "needs a decision", "StepFun has no such endpoint", "{detail}", "Endpoints that need a fallback"),
        Reason("absent", "will not work", "StepFun has no such endpoint", "{detail}", "Endpoints that StepFun lacks"),
        Reason("unknown-method", "needs a decision", "the catalog has no row for {detail}", "try it with `stepfun-compat run --emulate`", "Methods without a row"),
        Reason("raw-request", "needs a decision", "{detail} sends a request to a path of its own", "compare the path with the endpoints of the guide", "Requests to a path"),
        Reason("dropped", "needs a decision", "StepFun documents no {detail}: left out with a warning", "leave it out, or choose with Settings(on_unsupported=…)", "Parameters that are dropped"),
        Reason("parameters", "translated", "carried out in another form: {detail}", "nothing", "Parameters that are translated"),
        Reason("unseen", "needs a decision", "parameters behind {detail} cannot be seen", "compare them with the table of parameters", "Parameters that cannot be seen"),
        Reason("built-model", "needs a decision", "the model's name is built at run time", "see that each name it can be has an alias, or set STEPFUN_MODEL", "Model names built at run time"),
        Reason("store", "needs a decision", "{detail} reads conversations that the client keeps", "choose where they are kept: Settings(state=…)", "Conversations and stores"),
        Reason("model", "translated", "{detail}", "nothing, or name the StepFun model", "Model names"),
        Reason("no-model", "needs a decision", "no StepFun model stands for {detail}", "another provider, by Settings(fallback=…), or a local model", "Model names without a counterpart"),
        Reason("key", "translated", "{detail}: StepFun's key is STEPFUN_API_KEY; a key of OpenAI's is never sent to StepFun", "set STEPFUN_API_KEY", "Keys"),
        Reason("variable", "translated", "{detail} is read and set aside where it names OpenAI or Azure", "remove it, or set its counterpart STEPFUN_…", "Other variables"),
        Reason("openai-url", "translated", "{detail} is not used: StepFun's URL stands in", "remove it", "URLs of OpenAI and Azure"),
        Reason("other-url", "unchanged", "a client for {detail} stays openai's own, untouched", "nothing", "URLs of other vendors"),
        Reason("built-url", "needs a decision", "the URL comes from {detail}", "see that it names no host but StepFun's where StepFun is meant", "URLs known at run time"),
        Reason("setting", "translated", "the module's setting {detail} applies to the module's own client", "set STEPFUN_API_KEY, or leave it", "Module settings"),
        Reason("error", "unchanged", "errors raised are subclasses of openai's", "nothing", "Errors"),
        Reason("type", "unchanged", "{detail} is openai's and stays", "nothing", "Types and private parts in use"),
        Reason("dependency", "translated", "stepfun-compat brings openai>=1.66", "add stepfun-compat", "Dependencies"),
        Reason("pin", "needs a decision", "{detail} excludes openai>=1.66,<4, which stepfun-compat needs", "raise the pin", "Pins"),
        Reason("not-read", "needs a decision", "not read, and it names openai: {detail}", "look at it yourself", "Files that were not read"),
    )
}  # fmt: skip


def anchor(reason: str) -> str:
    """Return the link to a reason's section of the guide."""
    return f"migration_guide.md#scan-{reason}"


def worse(one: Verdict, other: Verdict) -> Verdict:
    """Return the verdict with more to do."""
    return one if VERDICTS.index(one) >= VERDICTS.index(other) else other
