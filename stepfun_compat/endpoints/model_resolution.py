"""Resolve the StepFun model of a request, and what an OpenAI name implies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ..catalog.base import glob_pattern
from .context import RequestContext, RequestRejected

if TYPE_CHECKING:
    import re

    from ..catalog import Model, Retired


# Azure takes the model of these endpoints from the deployment in the URL, of others from the body
_BY_PATH = ("chat.", "completions", "embeddings", "audio.", "images.")


@lru_cache(maxsize=32)
def _compiled(aliases: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((glob_pattern(name), target) for name, target in aliases)


def user_alias(name: str, aliases: Mapping[str, str]) -> str | None:
    """Return the target of a name in the user's aliases: an exact name first, else the first glob that matches."""
    if not aliases:
        return None
    if name in aliases:
        return aliases[name]
    return next((target for pattern, target in _compiled(tuple(aliases.items())) if pattern.match(name)), None)


def _is_model_name(context: RequestContext, name: str) -> bool:
    """Whether a name is a model's: a StepFun id, an OpenAI name, or one of the user's aliases."""
    known = name in context.catalog.models or name in context.catalog.retired or context.catalog.alias(name) is not None
    return known or user_alias(name, context.settings.model_aliases) is not None


def resolve_model(
    context: RequestContext, name: str | None, needs: frozenset[str] = frozenset(), *, default: str | None = None
) -> str | None:
    """Set `model_id`, `model` and `alias` of the context for the model the caller named, and return the id to send.

    Order: the user's aliases, a StepFun id unchanged, a retired id's replacement, `Settings.model` for OpenAI's chat
    names, the catalog's alias, any other name unchanged. `needs` contains the kinds of input beyond text in the
    request; an alias resolves to a model that accepts them, a StepFun id does not change.

    On Azure the deployment is resolved in place of the name if it is a model's name. Any other deployment resolves to
    `default`, else to the chat model of the settings or the catalog.

    Raises:
        RequestRejected: the StepFun model that the user named does not accept the input.
    """
    context.requested_model = name
    catalog = context.catalog
    if name is None:
        return _model_of_settings(context)
    if isinstance(context.client.deployment, str):
        name = _name_on_azure(context, name, context.client.deployment)
    target, why, chosen_by_name = _target(context, name, default)
    retired = catalog.retired.get(target)  # named by the caller, an alias or the settings
    if retired is not None:
        _record_retired(context, target, retired)
        target, why = retired.replacement, ""
    context.model_id, context.model = target, catalog.model(target)
    if context.model is not None and not needs <= context.model.input:
        missing = needs - context.model.input
        why = f"{context.model.id} does not accept {_listed(missing)} input"
        context.model = _model_that_takes(context, context.model, needs, missing, fixed=chosen_by_name)
        context.model_id = target = context.model.id
    if target != name and (retired is None or why):
        context.record_change("alias", "model", name, target, why)
    return target


def _model_of_settings(context: RequestContext) -> str | None:
    """Resolve the model of a request that names none."""
    context.model_id = id = context.settings.model
    context.model = context.catalog.model(id) if id else None
    return id


def _name_on_azure(context: RequestContext, name: str, deployment: str) -> str:
    """Return the deployment if the endpoint takes the model from it and it is a model's name; else the name."""
    if (
        context.endpoint.startswith(_BY_PATH)
        and name not in context.catalog.models
        and user_alias(name, context.settings.model_aliases) is None
        and _is_model_name(context, deployment)
    ):
        return deployment
    return name


def _target(context: RequestContext, name: str, default: str | None) -> tuple[str, str, bool]:
    """Return (model, reason, whether the caller chose it by its StepFun id), and set the alias of the context."""
    catalog, settings = context.catalog, context.settings
    own = user_alias(name, settings.model_aliases)
    if name in catalog.models:
        context.alias = None
        if own is None:
            return name, "", True
    else:
        context.alias = catalog.alias(name)
    if own is not None:
        return own, f"alias from {settings.source('model_aliases')}", False
    target, why = (name, "") if name in catalog.retired else _replacement_for(context, name, default)
    return target, why, False


def _replacement_for(context: RequestContext, name: str, default: str | None) -> tuple[str, str]:
    """Return (model, reason) for a name that is neither the user's nor StepFun's.

    It is the target of the catalog's alias, else a model for the Azure deployment, else the name itself.
    """
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
    """Return the preferred chat model that accepts the input that `model` does not accept.

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
        f"{model.id} accepts {_listed(model.input)}, but messages contain {_listed(missing)} input. "
        f"Use a model that accepts it: {able or 'StepFun has none'}.",
        code="model_incompatible",
        param="messages",
    )


def effective_effort(context: RequestContext, requested: str | None) -> str | None:
    """Return the reasoning effort to send: the request's, else the settings', else the alias's, as a level of the model
    (stepfun-api 3.6).

    Raises:
        RequestRejected: the value is not an OpenAI effort.
    """
    settings = context.settings
    effort = requested or settings.reasoning_effort or (context.alias.effort if context.alias is not None else None)
    if effort is None:
        return None
    if context.model is not None and not context.model.efforts:
        if requested is not None:
            context.record_change(
                "drop", "reasoning_effort", requested, None, f"{context.model_id} has no reasoning effort", lossy=True
            )
        return None
    sent = _level(effort, context)
    if requested != sent:
        _record_effort(requested, sent, context)
    return sent


def _record_effort(requested: str | None, sent: str, context: RequestContext) -> None:
    if requested is not None:
        context.record_change(
            "clamp", "reasoning_effort", requested, sent, f"it is the nearest level of {context.model_id}"
        )
        return
    settings = context.settings
    origin = settings.source("reasoning_effort") if settings.reasoning_effort else f"alias {context.requested_model}"
    context.record_change("inject", "reasoning_effort", None, sent, f"from {origin}")


_LEVELS_OF_UNKNOWN_MODELS: Mapping[str, str] = {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"}


def _level(effort: str, context: RequestContext) -> str:
    """Return the model's level for an effort."""
    if context.model is None:
        return _LEVELS_OF_UNKNOWN_MODELS.get(effort, effort)
    level = context.model.efforts.get(effort)
    if level is None:
        raise RequestRejected(
            f"reasoning_effort={effort!r} is not an effort: {context.model_id} accepts "
            f"{', '.join(dict.fromkeys(context.model.efforts.values()))}, and OpenAI's other levels are mapped to these.",
            code="invalid_value",
            param="reasoning_effort",
        )
    return level


def shows_reasoning(context: RequestContext) -> bool:
    """Whether the caller of chat sees reasoning fields.

    With the setting `auto` it does unless the request names an OpenAI model or an Azure deployment: programs for those
    do not expect such fields.
    """
    setting = context.settings.show_reasoning
    if setting != "auto" or context.endpoint not in ("chat.completions", "completions"):
        return setting != "never" or context.endpoint not in ("chat.completions", "completions")
    name = context.requested_model
    if name is None or name in context.catalog.models or name in context.catalog.retired:
        return True
    return context.catalog.alias(name) is None and not context.client.deployment


def replays_reasoning(context: RequestContext) -> bool:
    """Whether reasoning is cached with its tool calls and replayed: by the setting, or since the caller does not see it."""
    return context.settings.replay_reasoning == "cache" or not shows_reasoning(context)


def headroom(context: RequestContext) -> int:
    """Return the tokens to add to the cap of a request for an OpenAI model that does not reason (stepfun-api 4.6)."""
    if context.alias is None or not context.alias.headroom or (context.model is not None and not context.model.reasons):
        return 0
    chosen = context.settings.token_headroom
    return context.alias.headroom if chosen is None else chosen
