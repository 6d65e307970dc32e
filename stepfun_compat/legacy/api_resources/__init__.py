"""The resource classes: `openai.ChatCompletion`, `openai.Image`, …."""

from __future__ import annotations

from .audio import Audio
from .chat_completion import ChatCompletion
from .completion import Completion
from .customer import Customer
from .deployment import Deployment
from .edit import Edit
from .embedding import Embedding
from .engine import Engine
from .error_object import ErrorObject
from .file import File
from .fine_tune import FineTune
from .fine_tuning import FineTuningJob
from .image import Image
from .model import Model
from .moderation import Moderation

__all__ = [
    "Audio",
    "ChatCompletion",
    "Completion",
    "Customer",
    "Deployment",
    "Edit",
    "Embedding",
    "Engine",
    "ErrorObject",
    "File",
    "FineTune",
    "FineTuningJob",
    "Image",
    "Model",
    "Moderation",
]
