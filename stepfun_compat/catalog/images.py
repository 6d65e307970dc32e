"""Images: sizes and limits per model (stepfun-api 8.3), and OpenAI's defaults.

StepFun's page gives the sizes of step-image-edit-2 as height x width; some clients read them as width x height. Which is
right is unverified (stepfun-api 11.16). This module follows the page, unless `Settings.image_size_order` overrides it.
The order for step-2x-large is not stated; the usual width x height is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .schema import ImageModel


def _sizes(names: str, *, height_first: bool) -> Mapping[tuple[int, int], str]:
    out: dict[tuple[int, int], str] = {}
    for name in names.split():
        first, second = (int(side) for side in name.split("x"))
        out[(second, first) if height_first else (first, second)] = name
    return MappingProxyType(out)


IMAGE_MODELS: Final = MappingProxyType(
    {
        row.id: row
        for row in (
            ImageModel(
                id="step-image-edit-2",
                sizes=_sizes("1024x1024 768x1360 896x1184 1360x768 1184x896", height_first=True),
                prompt_limit=512,
                source="images/image, images/edits",
                as_of="2026-06-19",
                order_unverified=True,
            ),
            ImageModel(
                id="step-2x-large",
                sizes=_sizes("256x256 512x512 768x768 1024x1024 1280x800 800x1280", height_first=False),
                prompt_limit=512,
                source="images/image",
                as_of="2026-06-19",
            ),
        )
    }
)

EDIT_MODEL: Final = "step-image-edit-2"
VARIATION_MODEL: Final = "step-2x-large"
"""The model behind `images/image2image`, used for OpenAI's variations."""
VARIATION_PROMPT: Final = "A variation of this image."
VARIATION_WEIGHT: Final = 0.5
"""`source_weight` for a variation, above 0 and up to 1; smaller is closer to the source. A choice: the middle."""
VARIATION_MAX_BYTES: Final = 10 * 1024 * 1024
OPENAI_MAX_IMAGES: Final = 10
"""The largest `n` OpenAI allows."""
