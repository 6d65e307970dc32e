"""Response headers as in openai<1.0: case-insensitive lookup, with the server's spelling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from typing_extensions import override


class Headers(Mapping[str, str]):
    """A case-insensitive mapping that can be pickled; repeated headers are joined with commas."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._rows: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            known = self._rows.get(name.lower())
            self._rows[name.lower()] = (name, value) if known is None else (known[0], f"{known[1]}, {value}")

    @classmethod
    def of(cls, headers: Any) -> Headers:
        """Convert the headers of any HTTP library."""
        raw: Any = getattr(headers, "raw", None)
        if raw is None:
            return cls((str(name), str(value)) for name, value in dict(headers or {}).items())
        return cls((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)

    @override
    def __getitem__(self, name: str) -> str:
        return self._rows[name.lower()][1]

    @override
    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._rows.values())

    @override
    def __len__(self) -> int:
        return len(self._rows)

    @override
    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._rows

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        theirs = {str(name).lower(): value for name, value in cast("Mapping[Any, Any]", other).items()}
        return {name: value for name, (_, value) in self._rows.items()} == theirs

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def copy(self) -> Headers:
        """Return an independent copy."""
        return Headers(self._rows.values())

    @override
    def __repr__(self) -> str:
        return repr(dict(self._rows.values()))
