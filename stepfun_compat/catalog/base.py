"""Look-ups over the catalog's rows."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache

from .aliases import DEFAULT_AUDIO_CHAT, DEFAULT_CHAT, DEFAULT_REALTIME, DEPLOYMENT
from .schema import Alias, ContestedFact, Model, Parameter, Retired, SettledFact


@lru_cache(maxsize=1024)
def glob_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a shell glob over model names: `*` any text, `?` one character, `[…]` one of several."""
    from fnmatch import translate

    return re.compile(translate(pattern), re.IGNORECASE)


def _plain_start(pattern: str) -> str:
    """Return the lower-case text of a glob before its first wildcard; empty if it is not ASCII."""
    start = re.split(r"[*?\[]", pattern, maxsplit=1)[0].lower()
    return start if start.isascii() else ""


class Catalog:
    """One immutable set of rows, with look-ups."""

    def __init__(
        self,
        models: Iterable[Model],
        retired: Iterable[Retired],
        aliases: Iterable[Alias],
        parameters: Iterable[Parameter],
        contested: Iterable[ContestedFact] | None = None,
        settled: Iterable[SettledFact] = (),
    ) -> None:
        self.models: Mapping[str, Model] = {row.id: row for row in models}
        self.retired: Mapping[str, Retired] = {row.id: row for row in retired}
        self.aliases = tuple(aliases)
        self.all_parameters = tuple(parameters)
        self.settled = tuple(settled)
        self._contested = contested

    @cached_property
    def contested(self) -> tuple[ContestedFact, ...]:
        """Facts that sources disagree about; loaded at the first refusal."""
        if self._contested is not None:
            return tuple(self._contested)
        from .contested import CONTESTED

        return CONTESTED

    @property
    def default_chat(self) -> str:
        """The default chat model."""
        return DEFAULT_CHAT

    @property
    def default_realtime(self) -> str:
        """The default model of a realtime session."""
        return DEFAULT_REALTIME

    @property
    def deployment(self) -> Alias:
        """The alias for an Azure deployment whose name matches no other."""
        return DEPLOYMENT

    @cached_property
    def preferred_chat(self) -> tuple[Model, ...]:
        """The chat models to switch to when an input needs one, best first."""
        first = (self.models.get(DEFAULT_CHAT), self.models.get(DEFAULT_AUDIO_CHAT))
        return tuple(row for row in first if row is not None)

    @cached_property
    def _by_start(self) -> tuple[tuple[str, Alias], ...]:
        """Each alias with the literal prefix of its pattern, so that few patterns need to be compiled."""
        return tuple((_plain_start(row.pattern), row) for row in self.aliases)

    @cached_property
    def _aliases_seen(self) -> dict[str, Alias | None]:
        return {}

    @cached_property
    def _parameters_by_endpoint(self) -> Mapping[str, Mapping[str, Parameter]]:
        table: dict[str, dict[str, Parameter]] = {}
        for row in self.all_parameters:
            table.setdefault(row.endpoint, {})[row.name] = row
        return table

    def model(self, id: str) -> Model | None:
        """Return the row of a StepFun id, or None."""
        return self.models.get(id)

    def alias(self, name: str) -> Alias | None:
        """Return the row for an OpenAI model name: the first whose pattern matches."""
        seen = self._aliases_seen
        try:
            return seen[name]
        except KeyError:
            pass
        found = next((row for row in self._candidates(name) if glob_pattern(row.pattern).match(name)), None)
        if len(seen) > 4096:  # callers choose the names: bound the cache
            seen.clear()
        seen[name] = found
        return found

    def _candidates(self, name: str) -> Iterator[Alias]:
        """Return the aliases whose patterns may match a name, in order."""
        lowered = name.lower()
        return (row for start, row in self._by_start if lowered.startswith(start) or not name.isascii())

    def parameters(self, endpoint: str) -> Mapping[str, Parameter]:
        """Return the parameters of one endpoint, by name."""
        return self._parameters_by_endpoint.get(endpoint, {})

    def models_for(self, endpoint: str, plan: str | None = None) -> tuple[Model, ...]:
        """Return the models an endpoint serves, optionally on one plan."""
        return tuple(
            row for row in self.models.values() if endpoint in row.endpoints and (plan is None or plan in row.plans)
        )


_made: list[Catalog] = []
_making = threading.Lock()


def default() -> Catalog:
    """Return the shipped catalog; built once, on first use."""
    if not _made:
        with _making:
            if not _made:
                from .aliases import ALIASES
                from .models import MODELS, RETIRED
                from .parameters import PARAMETERS

                _made.append(Catalog(MODELS, RETIRED, ALIASES, PARAMETERS))
    return _made[0]
