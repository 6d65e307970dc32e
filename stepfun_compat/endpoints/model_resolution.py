"""Which StepFun model a request goes to, and what the old name brings with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ..catalog.base import glob_pattern
from .context import RequestContext, RequestRejected

if TYPE_CHECKING:
    import re

    from ..catalog import Model, Retired


# Azure serves these under the deployment in the URL, whatever the call names; other endpoints go by the call
_BY_PATH = ("chat.", "completions", "embeddings", "audio.", "images.")


@lru_cache(maxsize=32)
def _compiled(aliases: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((glob_pattern(name), target) for name, target in aliases)


def user_alias(name: str, aliases: Mapping[str, str]) -> str | None:
    """The target of a name in the user's own aliases: an exact name first, else the first glob that matches."""
    if not aliases:
        return None
    if name in aliases:
        return aliases[name]
    return next((target for pattern, target in _compiled(tuple(aliases.items())) if pattern.match(name)), None)


def _says_something(context: RequestContext, name: str) -> bool:
    """Whether a name stands for a model by itself: to the user, to StepFun, or as a name of OpenAI's."""
    known = name in context.catalog.models or name in context.catalog.retired or context.catalog.alias(name) is not None
    return known or user_alias(name, context.settings.model_aliases) is not None


def resolve_model(
    context: RequestContext, name: str | None, needs: frozenset[str] = frozenset(), *, default: str | None = None
) -> str | None:
    """Fill `x.model_id`, `x.model` and `x.alias` for the model the caller named, and return the id to send.

    Order: the user's aliases, a StepFun id as it stands, a retired id's replacement, `Settings.model` for OpenAI's
    chat names, the catalog's alias, untouched. `needs` holds the input kinds the request carries beyond text; a name
    that is only an alias moves to a model that takes them, a StepFun model the user named does not.

    On Azure the deployment decides, where its name says something; one that says nothing is `default`, else the chat
    model of the settings or the catalog.

    Raises:
        RequestRejected: the StepFun model the user named cannot take the input.
    """
    context.requested_model = name
    catalog, settings = context.catalog, context.settings
    if name is None:
        context.model_id = settings.model
        context.model = catalog.model(context.model_id) if context.model_id else None
        return context.model_id
    if isinstance(context.client.deployment, str):
        name = _of_deployment(context, name, context.client.deployment)
    context.alias = catalog.alias(name) if name not in catalog.models else None
    own = user_alias(name, settings.model_aliases)
    chosen_by_name = own is None and name in catalog.models
    target, why = name, ""
    if own is not None:
        target, why = own, f"alias from {settings.source('model_aliases')}"
    elif not chosen_by_name and name not in catalog.retired:
        target, why = _stand_in(context, name, default)
    retired = catalog.retired.get(target)  # whoever named it: the caller, an alias or the settings
    if retired is not None:
        _record_retired(context, target, retired)
        target, why = retired.replacement, ""
    context.model_id, context.model = target, catalog.model(target)
    missing = needs - context.model.input if context.model is not None else frozenset[str]()
    if missing and context.model is not None:
        why = f"{context.model.id} takes no {_listed(missing)} input"
        context.model = _model_that_takes(context, context.model, needs, missing, fixed=chosen_by_name)
        context.model_id = target = context.model.id
    if target != name and (retired is None or why):
        context.record_change("alias", "model", name, target, why)
    return target


def _of_deployment(context: RequestContext, name: str, deployment: str) -> str:
    """The Azure deployment in place of the name the call gives, where it decides and says something."""
    if (
        context.endpoint.startswith(_BY_PATH)
        and name not in context.catalog.models
        and user_alias(name, context.settings.model_aliases) is None
        and _says_something(context, deployment)
    ):
        return deployment
    return name


def _stand_in(context: RequestContext, name: str, default: str | None) -> tuple[str, str]:
    """(model, why) for a name that is neither the user's nor StepFun's: by the catalog's alias, else for an Azure
    deployment; any other name is sent as it stands."""
    catalog, settings = context.catalog, context.settings
    if context.alias is not None:
        row = catalog.model(context.alias.model)
        if settings.model is not None and row is not None and row.kind == "chat":
            return settings.model, f"model from {settings.source('model')}"
        return context.alias.model, context.alias.why or "catalog alias"
    if not context.client.deployment:
        return name, ""
    if default is not None:
        return default, "an Azure deployment"
    context.alias = catalog.deployment
    return settings.model or catalog.deployment.model, catalog.deployment.why


def _record_retired(context: RequestContext, target: str, retired: Retired) -> None:
    context.model_id = retired.replacement
    context.record_change(
        "alias",
        "model",
        target,
        retired.replacement,
        f"StepFun retired {retired.id} on {retired.since} and names {retired.replacement} as its replacement",
        lossy=True,
    )


def _listed(kinds: frozenset[str]) -> str:
    return " and ".join(sorted(kinds))


def _model_that_takes(
    context: RequestContext, model: Model, needs: frozenset[str], missing: frozenset[str], *, fixed: bool
) -> Model:
    """The preferred chat model that takes the input `model` does not.

    Raises:
        RequestRejected: there is none, or the model is `fixed`.
    """
    better = next((row for row in context.catalog.preferred_chat if needs <= row.input), None)
    if better is not None and not fixed:
        return better
    able = ", ".join(
        row.id for row in context.catalog.models.values() if "chat.completions" in row.endpoints and needs <= row.input
    )
    raise RequestRejected(
        f"{model.id} takes {_listed(model.input)}, but messages hold {_listed(missing)} input. "
        f"Use a model that takes it: {able or 'StepFun has none'}.",
        code="model_incompatible",
        param="messages",
    )


def effective_effort(context: RequestContext, asked: str | None) -> str | None:
    """The reasoning effort to send: the call's, else the settings', else the alias's, in the model's own levels (stepfun-api 3.6).

    Raises:
        RequestRejected: the value is none of OpenAI's efforts.
    """
    settings = context.settings
    effort = asked or settings.reasoning_effort or (context.alias.effort if context.alias is not None else None)
    if effort is None:
        return None
    if context.model is None:  # a model the catalog does not know: what the caller asked, less the off switch
        sent = "low" if effort in ("none", "minimal") else "high" if effort in ("xhigh", "max") else effort
    elif not context.model.efforts:
        if asked is not None:
            context.record_change(
                "drop", "reasoning_effort", asked, None, f"{context.model_id} has no reasoning effort", lossy=True
            )
        return None
    else:
        found = context.model.efforts.get(effort)
        if found is None:
            raise RequestRejected(
                f"reasoning_effort={effort!r} is not an effort; {context.model_id} is asked with one of "
                f"{', '.join(dict.fromkeys(context.model.efforts.values()))}, and OpenAI's other levels are mapped to these.",
                code="invalid_value",
                param="reasoning_effort",
            )
        sent = found
    if asked is not None:
        if sent != asked:
            context.record_change(
                "clamp", "reasoning_effort", asked, sent, f"it is the nearest level of {context.model_id}"
            )
    else:
        origin = (
            settings.source("reasoning_effort") if settings.reasoning_effort else f"alias {context.requested_model}"
        )
        context.record_change("inject", "reasoning_effort", None, sent, f"from {origin}")
    return sent


def shows_reasoning(context: RequestContext) -> bool:
    """Whether the caller of chat sees reasoning fields: by the setting, or, if it is `auto`, unless the model was asked
    for under a name of OpenAI's or an Azure deployment, whose programs do not know such fields."""
    setting = context.settings.show_reasoning
    if setting != "auto" or context.endpoint not in ("chat.completions", "completions"):
        return setting != "never" or context.endpoint not in ("chat.completions", "completions")
    name = context.requested_model
    if name is None or name in context.catalog.models or name in context.catalog.retired:
        return True
    return context.catalog.alias(name) is None and not context.client.deployment


def replays_reasoning(context: RequestContext) -> bool:
    """Whether reasoning is remembered beside its tool calls and replayed: if asked for, or if the caller never sees it."""
    return context.settings.replay_reasoning == "cache" or not shows_reasoning(context)


def headroom(context: RequestContext) -> int:
    """Tokens to add to the caller's cap, for names of models that did not reason before they answered (stepfun-api 4.6)."""
    if context.alias is None or not context.alias.headroom or (context.model is not None and not context.model.reasons):
        return 0
    chosen = context.settings.token_headroom
    return context.alias.headroom if chosen is None else chosen
