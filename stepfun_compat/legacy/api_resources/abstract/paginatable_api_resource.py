"""Resources with paginated lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from ..._pairs import Flow, awaited, method, step
from .listable_api_resource import ListableAPIResource


class PaginatableAPIResource(ListableAPIResource):
    """Resources whose `list` takes `limit` and `starting_after`, with an iterator over all pages."""

    @override
    @classmethod
    def auto_paging_iter(cls, *args: Any, **params: Any) -> Iterator[Any]:
        """Iterate over the objects of all pages."""
        params["limit"] = params.get("limit") or 20
        while True:
            page = cls.list(*args, **params)
            yield from page.data
            if not page.has_more or not page.data:
                return
            params["after"] = page.data[-1].id

    @override
    @classmethod
    @method
    def list(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, limit: Any = None, starting_after: Any = None, *args: Any, **params: Any
    ) -> Flow[Any]:
        """Return one page."""
        return (yield step(super(), "list", *args, **params, limit=limit, starting_after=starting_after))

    alist = awaited(list)
