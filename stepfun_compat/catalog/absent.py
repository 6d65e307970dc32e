"""Endpoints StepFun does not offer (stepfun-api 10), and the alternatives. The first row that matches a request wins.

`pattern` is a path relative to the base URL: `*` matches one segment, a trailing `**` any number of segments.
"""

from __future__ import annotations

from typing import Final

from .schema import Absent

SOURCE: Final = "guides/developer/openai, and no page for any of these"
AS_OF: Final = "2026-06-19"

_LOOP: Final = "Run the loop yourself with client.chat.completions.create or client.responses.create and tools."
_REALTIME: Final = "Connect to StepFun's WebSocket from the server with client.realtime.connect(model=...)."

ABSENT: Final = (
    Absent("*", "/embeddings", "embeddings", "Use an embedding model of another provider or a local one."),
    Absent("*", "/moderations", "moderations", "StepFun reviews content itself; blocked content raises BadRequestError."),
    Absent("*", "/batches/**", "batches", "This library runs batches itself: client.batches.create, retrieve, list and cancel."),
    Absent("*", "/fine_tuning/**", "fine_tuning", "Put examples into the prompt, which the prefix cache makes cheap."),
    Absent("DELETE", "/models/*", "models", "Only fine-tuned models can be deleted, and StepFun has none.", routable=False),
    Absent("*", "/evals/**", "evals", "Run the test cases through client.chat.completions.create and grade the results yourself."),
    Absent("*", "/assistants/**", "assistants", _LOOP),
    Absent("*", "/threads/**", "threads", _LOOP),
    Absent("*", "/agents/**", "agents", _LOOP),
    Absent("*", "/vaults/**", "agents", _LOOP),
    Absent("*", "/chatkit/**", "chatkit", "Build the chat on client.chat.completions.create."),
    Absent("*", "/videos/**", "videos", "StepFun generates images (client.images.generate) but no videos."),
    Absent("*", "/containers/**", "containers", "Run the code in your own sandbox and offer it as a function tool."),
    Absent("*", "/skills/**", "skills", "Put the skill's text into the system message."),
    Absent("GET", "/chat/completions", "chat_completions_store", "StepFun stores no completions: keep the responses yourself.", routable=False),
    Absent("*", "/chat/completions/*/**", "chat_completions_store", "StepFun stores no completions: keep the responses yourself.", routable=False),
    Absent("POST", "/responses/compact", "responses_store", "Summarize the older turns with a separate request.", routable=False),
    Absent("*", "/audio/translations", "audio_translations", "Transcribe with client.audio.transcriptions.create and translate the text with client.chat.completions.create."),
    Absent("*", "/audio/voice_consents/**", "voice_consents", "StepFun documents no consent records.", routable=False),
    Absent("DELETE", "/audio/voices/*", "audio_voices", "StepFun documents no deletion of a cloned voice.", routable=False),
    Absent("POST", "/audio/voices", "audio_voices", "Upload the recording with client.files.create(file=..., purpose='storage') and clone the voice with client.post('/audio/voices', body={'model': ..., 'file_id': ...}, cast_to=object).", routable=False),
    Absent("*", "/realtime/**", "realtime", _REALTIME, routable=False),
    Absent("*", "/live/**", "live", _REALTIME),
    Absent("POST", "/vector_stores/*/search", "vector_stores_search", "Pass chat the tool {'type': 'retrieval', 'function': {'name': ..., 'description': ..., 'options': {'vector_store_id': ...}}}: StepFun then runs the search.", routable=False),
    Absent("POST", "/vector_stores/*", "vector_stores_update", "Delete the store and create it again; StepFun stores only its name.", routable=False),
    Absent("POST", "/vector_stores/*/files/*", "vector_stores_update", "StepFun stores no file attributes: remove the file and add it again.", routable=False),
    Absent("GET", "/vector_stores/*/files/*/content", "vector_stores_content", "Upload the file with purpose='user_data' as well and read client.files.content(id).", routable=False),
    Absent("POST", "/vector_stores/*/file_batches/*/cancel", "vector_stores_cancel", "Remove the files one by one with client.vector_stores.files.delete.", routable=False),
    Absent("*", "/organization/**", "admin", "Manage keys and bills at platform.stepfun.ai or platform.stepfun.com.", routable=False),
    Absent("*", "/projects/**", "admin", "Manage keys and bills at platform.stepfun.ai or platform.stepfun.com.", routable=False),
    Absent("*", "/webhook_endpoints/**", "webhooks", "StepFun documents no webhooks: poll instead.", routable=False),
    Absent("*", "/webhook_event_types/**", "webhooks", "StepFun documents no webhooks: poll instead.", routable=False),
    Absent("*", "/safety/**", "safety", "StepFun reviews content itself; blocked content raises BadRequestError."),
    Absent("*", "/content_provenance_checks/**", "content_provenance_checks", "StepFun has no such check."),
    Absent("*", "/decisions/**", "decisions", "Send the question to a model with client.chat.completions.create."),
)  # fmt: skip

FALLBACK_NAMES: Final = tuple(sorted({row.resource for row in ABSENT if row.routable}))
"""The resources that may be sent to another provider: the keys of `Settings(fallback=...)`."""
