"""Helpers for embeddings. Functions that need numpy or scikit-learn import them when called."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from . import error
from ._pairs import Flow, awaited, method, pause, step
from .api_resources.embedding import Embedding

_TRIES = 6
_LONGEST_PAUSE = 20.0  # seconds
_TEMPORARY = (
    error.APIError,
    error.TryAgain,
    error.Timeout,
    error.APIConnectionError,
    error.RateLimitError,
    error.ServiceUnavailableError,
)


def _pause(attempt: int) -> float:
    return random.uniform(1, max(1.0, min(2.0**attempt, _LONGEST_PAUSE)))


def _lines(texts: Sequence[str]) -> list[str]:
    if len(texts) > 2048:
        raise AssertionError("At most 2048 texts can be embedded at once.")
    return [text.replace("\n", " ") for text in texts]


@method
def get_embeddings(
    list_of_text: Sequence[str], engine: str = "text-similarity-babbage-001", **kwargs: Any
) -> Flow[list[list[float]]]:
    """Return the embeddings of up to 2048 texts, with up to six attempts on temporary errors."""
    create = step(Embedding, "create", input=_lines(list_of_text), engine=engine, **kwargs)
    for attempt in range(1, _TRIES + 1):
        try:
            answer = yield create
        except _TEMPORARY:
            if attempt == _TRIES:
                raise
        else:
            return [row["embedding"] for row in answer.data]
        yield pause(_pause(attempt))
    raise AssertionError("unreachable")


aget_embeddings = awaited(get_embeddings)


@method
def get_embedding(text: str, engine: str = "text-similarity-davinci-001", **kwargs: Any) -> Flow[list[float]]:
    """Return the embedding of one text, with up to six attempts on temporary errors."""
    return (yield step(sys.modules[__name__], "get_embeddings", [text], engine, **kwargs))[0]


aget_embedding = awaited(get_embedding)


def cosine_similarity(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors."""
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
    """Return the distance of each vector from the query's; the metric is cosine, L1, L2 or Linf."""
    measure = _DISTANCES[distance_metric]
    return [measure(query_embedding, embedding) for embedding in embeddings]


def indices_of_nearest_neighbors_from_distances(distances: Sequence[float]) -> Any:
    """Return the indices that sort the distances in ascending order, as a numpy array."""
    return import_module("numpy").argsort(distances)


def pca_components_from_embeddings(embeddings: Sequence[Sequence[float]], n_components: int = 2) -> Any:
    """Return the principal components as a numpy array; needs scikit-learn."""
    analysis: Any = import_module("sklearn.decomposition").PCA(n_components=n_components)
    return analysis.fit_transform(import_module("numpy").array(embeddings))


def tsne_components_from_embeddings(embeddings: Sequence[Sequence[float]], n_components: int = 2, **kwargs: Any) -> Any:
    """Return the t-SNE components as a numpy array; needs scikit-learn."""
    options = {"init": "pca", "learning_rate": "auto", **kwargs}
    analysis: Any = import_module("sklearn.manifold").TSNE(n_components=n_components, **options)
    return analysis.fit_transform(import_module("numpy").array(embeddings))
