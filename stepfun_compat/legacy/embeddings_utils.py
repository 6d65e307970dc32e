"""Helpers around embeddings. What needs numpy or scikit-learn imports them when it is called."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

from . import error
from .api_resources.embedding import Embedding

_T = TypeVar("_T")
_TRIES = 6
_LONGEST_PAUSE = 20.0  # seconds
_PASSING = (
    error.APIError,
    error.TryAgain,
    error.Timeout,
    error.APIConnectionError,
    error.RateLimitError,
    error.ServiceUnavailableError,
)


def _pause(attempt: int) -> float:
    return random.uniform(1, max(1.0, min(2.0**attempt, _LONGEST_PAUSE)))


def _persistent(call: Callable[[], _T]) -> _T:
    """Call, and again after what may pass."""
    for attempt in range(1, _TRIES):
        try:
            return call()
        except _PASSING:
            time.sleep(_pause(attempt))
    return call()


async def _apersistent(call: Callable[[], Awaitable[_T]]) -> _T:
    for attempt in range(1, _TRIES):
        try:
            return await call()
        except _PASSING:
            await asyncio.sleep(_pause(attempt))
    return await call()


def _lines(texts: Sequence[str]) -> list[str]:
    if len(texts) > 2048:
        raise AssertionError("At most 2048 texts can be embedded at once.")
    return [text.replace("\n", " ") for text in texts]


def get_embedding(text: str, engine: str = "text-similarity-davinci-001", **kwargs: Any) -> list[float]:
    """The embedding of one text; what may pass is tried up to six times."""
    return get_embeddings([text], engine, **kwargs)[0]


async def aget_embedding(text: str, engine: str = "text-similarity-davinci-001", **kwargs: Any) -> list[float]:
    """As `get_embedding`."""
    return (await aget_embeddings([text], engine, **kwargs))[0]


def get_embeddings(
    list_of_text: Sequence[str], engine: str = "text-similarity-babbage-001", **kwargs: Any
) -> list[list[float]]:
    """The embeddings of up to 2048 texts."""
    texts = _lines(list_of_text)
    answer = _persistent(lambda: Embedding.create(input=texts, engine=engine, **kwargs))
    return [row["embedding"] for row in answer.data]


async def aget_embeddings(
    list_of_text: Sequence[str], engine: str = "text-similarity-babbage-001", **kwargs: Any
) -> list[list[float]]:
    """As `get_embeddings`."""
    texts = _lines(list_of_text)
    answer = await _apersistent(lambda: Embedding.acreate(input=texts, engine=engine, **kwargs))
    return [row["embedding"] for row in answer.data]


def cosine_similarity(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine of the angle between two vectors."""
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


_DISTANCES: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "cosine": lambda a, b: 1.0 - cosine_similarity(a, b),
    "L1": lambda a, b: math.fsum(abs(x - y) for x, y in zip(a, b, strict=True)),
    "L2": math.dist,
    "Linf": lambda a, b: max(abs(x - y) for x, y in zip(a, b, strict=True)),
}


def distances_from_embeddings(
    query_embedding: Sequence[float], embeddings: Sequence[Sequence[float]], distance_metric: str = "cosine"
) -> list[float]:
    """How far each vector is from the query's; the metric is cosine, L1, L2 or Linf."""
    measure = _DISTANCES[distance_metric]
    return [measure(query_embedding, embedding) for embedding in embeddings]


def indices_of_nearest_neighbors_from_distances(distances: Sequence[float]) -> Any:
    """The positions of these distances from the smallest to the largest, as a numpy array."""
    return import_module("numpy").argsort(distances)


def pca_components_from_embeddings(embeddings: Sequence[Sequence[float]], n_components: int = 2) -> Any:
    """The principal components, as a numpy array; needs scikit-learn."""
    analysis: Any = import_module("sklearn.decomposition").PCA(n_components=n_components)
    return analysis.fit_transform(import_module("numpy").array(embeddings))


def tsne_components_from_embeddings(embeddings: Sequence[Sequence[float]], n_components: int = 2, **kwargs: Any) -> Any:
    """The t-SNE components, as a numpy array; needs scikit-learn."""
    options = {"init": "pca", "learning_rate": "auto", **kwargs}
    analysis: Any = import_module("sklearn.manifold").TSNE(n_components=n_components, **options)
    return analysis.fit_transform(import_module("numpy").array(embeddings))
