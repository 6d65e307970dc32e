"""How every method of openai's client works with StepFun. The first row whose pattern matches wins; `*` matches any text.
The table of endpoints in the documentation is generated from these rows; a test checks them against the newest client."""

from __future__ import annotations

from typing import Final

from .schema import EndpointOutcome, Outcome


def _rows(outcome: Outcome, *rows: tuple[str, str]) -> tuple[EndpointOutcome, ...]:
    return tuple(EndpointOutcome(method, outcome, note) for method, note in rows)


OUTCOMES: Final = (
    *_rows(
        "works",
        (
            "chat.completions.create",
            "OpenAI's names are aliases of StepFun's models",
        ),
        ("chat.completions.parse", "natively if the model has json_schema, otherwise in JSON mode with validation"),
        ("chat.completions.stream", ""),
        ("beta.chat.completions.create", "as chat.completions.create"),
        ("beta.chat.completions.parse", "as chat.completions.parse"),
        ("beta.chat.completions.stream", "as chat.completions.stream"),
        ("models.list", "with StepFun's additional fields"),
        ("models.retrieve", "an OpenAI name returns the model it is an alias of; on Step Plan from the list"),
        ("files.list", "limit, order, after and purpose are applied by the client"),
        (
            "files.retrieve",
            "status and purpose are OpenAI's: `uploaded` while StepFun parses, then `processed`; StepFun's purpose is `stepfun_purpose`",
        ),
        ("files.delete", ""),
        ("files.wait_for_processing", ""),
        ("batches.*", "run by this library on this machine, with a journal in Settings.batch_dir"),
        ("images.generate", "n images take n requests; prompts up to 512 characters; the nearest of StepFun's sizes"),
        ("audio.speech.create", "long texts are split at sentence ends and joined into one file"),
        ("vector_stores.list", ""),
        ("vector_stores.retrieve", ""),
        ("vector_stores.delete", ""),
        ("vector_stores.files.delete", ""),
    ),
    *_rows(
        "limits",
        ("completions.create", "over chat; no logprobs, best_of or token ids as prompt"),
        (
            "responses.create",
            "natively if StepFun serves the model there, otherwise over chat; web search is the only hosted tool",
        ),
        ("responses.parse", "as responses.create"),
        ("responses.stream", "as responses.create"),
        ("responses.retrieve", "stored by the client for thirty days, in Settings.state"),
        ("responses.delete", "from Settings.state"),
        (
            "responses.cancel",
            "stored responses are complete: no effect on a background response, an error for any other",
        ),
        ("responses.input_items.list", "stored by the client for thirty days, in Settings.state"),
        ("conversations.*", "stored by the client for thirty days, in Settings.state"),
        ("beta.responses.retrieve", "as responses.retrieve"),
        ("beta.responses.delete", "as responses.delete"),
        ("beta.responses.cancel", "as responses.cancel"),
        ("beta.responses.input_items.list", "as responses.input_items.list"),
        ("responses.input_tokens.count", "StepFun's token count; tools are not counted"),
        ("beta.responses.create", "as responses.create"),
        ("beta.responses.input_tokens.count", "as responses.input_tokens.count"),
        (
            "files.create",
            "documents up to 64 MB, media up to 128 MB, 1,000 files in all; no purpose fine-tune or evals; batch files stay on this machine; no expires_after",
        ),
        ("files.content", "the extracted text of a document, not its bytes"),
        ("files.retrieve_content", "the extracted text of a document, not its bytes"),
        ("uploads.*", "parts are kept in this process and sent as one file of up to 64 or 128 MB"),
        ("images.edit", "one image, no mask; the result has the size of the input"),
        ("images.create_variation", "uses image2image of step-2x-large; png or jpeg up to 10 MB"),
        ("audio.transcriptions.create", "wav, mp3, ogg or pcm; no word timestamps, logprobs, prompt or speakers"),
        ("vector_stores.create", "a name and files; no expiry, no chunking strategy"),
        ("vector_stores.files.create", "waits until the file is parsed; a description but no attributes"),
        ("vector_stores.files.*poll", "as vector_stores.files.create; the counts of the store end the polling"),
        ("vector_stores.files.upload", "as files.create and vector_stores.files.create"),
        ("vector_stores.files.retrieve", "the status is derived from the counts of the store"),
        ("vector_stores.files.list", "the status is derived from the counts of the store"),
        ("vector_stores.file_batches.create", "one request; the id encodes the batch"),
        ("vector_stores.file_batches.retrieve", "the counts are the store's"),
        ("vector_stores.file_batches.*poll", "the counts are the store's"),
        ("vector_stores.file_batches.list_files", "the status is derived from the counts of the store"),
        ("realtime.connect", "StepFun's WebSocket, with the event names of the beta; 30 minutes per session"),
        ("beta.realtime.connect", "StepFun's WebSocket, with the event names of the beta; 30 minutes per session"),
    ),
    *_rows("stock", ("webhooks.unwrap", "needs no service"), ("webhooks.verify_signature", "needs no service")),
    *_rows(
        "absent",
        (
            "embeddings.create",
            "use another provider or a local model through Settings(fallback={'embeddings': client})",
        ),
        (
            "moderations.create",
            "StepFun reviews content itself; for scores, use Settings(fallback={'moderations': client})",
        ),
        ("chat.completions.*", "StepFun stores no completions"),
        ("beta.chat.completions.*", "StepFun stores no completions"),
        ("models.delete", "only fine-tuned models can be deleted"),
        ("fine_tuning.*", "put examples into the prompt"),
        ("evals.*", "run the cases through chat and grade them in your program"),
        ("beta.assistants.*", "run the loop with chat or responses and tools"),
        ("beta.threads.*", "run the loop with chat or responses and tools"),
        ("beta.agents.*", "run the loop with chat or responses and tools"),
        ("beta.chatkit.*", "build on chat"),
        ("responses.connect", "use responses.create with stream=True"),
        ("beta.responses.connect", "use responses.create with stream=True"),
        ("responses.compact", "summarize the older turns with a separate request"),
        ("beta.responses.compact", "summarize the older turns with a separate request"),
        ("videos.*", ""),
        ("containers.*", "run code in your own sandbox and offer it as a function tool"),
        ("skills.*", "put the text into the system message"),
        ("audio.translations.create", "transcribe, then translate the text with chat"),
        ("audio.voices.*", "clone with client.post('/audio/voices', …) and the id of an uploaded recording"),
        ("audio.voice_consents.*", ""),
        ("realtime.*", "connect to the WebSocket from the server"),
        ("beta.realtime.*", "connect to the WebSocket from the server"),
        ("live.*", "connect to the realtime WebSocket"),
        ("vector_stores.search", "chat's retrieval tool searches a store"),
        ("vector_stores.update", "delete the store and create it again"),
        ("vector_stores.files.update", "remove the file and add it again"),
        ("vector_stores.files.content", "upload the file with purpose user_data and read files.content"),
        ("vector_stores.file_batches.cancel", "remove the files one by one"),
        ("webhooks.*", "StepFun documents no webhooks"),
        ("safety.*", ""),
        ("content_provenance_checks.*", ""),
        ("decisions.*", ""),
        ("admin.*", "keys and bills are managed on StepFun's platform"),
    ),
)


def outcome_of(method: str) -> EndpointOutcome | None:
    """Return the outcome of a method of the client, such as `files.list`; None if no row matches."""
    return next((row for row in OUTCOMES if _matches(method, row.method)), None)


def _matches(method: str, pattern: str) -> bool:
    """Whether a method matches a row's pattern. `fnmatch` would compile every pattern first."""
    start, star, end = pattern.partition("*")
    if not star:
        return method == pattern
    return method.startswith(start) and method.endswith(end) and len(method) >= len(start) + len(end)
