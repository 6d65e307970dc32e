"""The modules and names of 0.1.0 that have moved. They work for one release, with a DeprecationWarning.

`MODULES` maps each former module to its successors, and `RENAMED` former names to current ones. A current name that
ends in `()` is the class of an endpoint that used to be an instance.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from typing_extensions import override

from .former_lookup import former_names_of

_PACKAGE: Final = "stepfun_compat"

MODULES: Final = {
    "call": "_client.context",
    "diagnosis": "diagnostics.doctor",
    "exchange": "endpoints.changes endpoints.context",
    "extras": "_client.extras",
    "fallback": "_client.fallback",
    "fast": "fast_path",
    "fast.casting": "fast_path.stream_objects",
    "fast.entry": "fast_path.eligibility",
    "fast.frames": "fast_path.sse_frames",
    "fast.messages": "fast_path.messages",
    "fast.mould": "fast_path.object_templates",
    "fast.samples": "fast_path.self_check",
    "gate": "credentials.guard",
    "options": "_client.argument_types",
    "prefix": "prompt_cache.comparison",
    "probing": "diagnostics.probes",
    "probing.chat": "diagnostics.probes.chat",
    "probing.others": "diagnostics.probes.others",
    "probing.wire": "diagnostics.probes.wire",
    "raw_stream": "_client.raw_stream",
    "reasoning": "endpoints.chat.reasoning_cache",
    "rebound": "_client.classes",
    "resolve": "endpoints.model_resolution",
    "sockets": "_client.websockets",
    "streaming": "_client.streaming _client.context",
    "structured": "endpoints.chat.structured_output",
    # endpoints
    "endpoints.absent": "endpoints.unsupported",
    "endpoints.chat_completions": "endpoints.chat.endpoint endpoints.parameters",
    "endpoints.chat_messages": "endpoints.chat.messages",
    "endpoints.chat_response": "endpoints.chat.response endpoints.chat.usage endpoints.json_values",
    "endpoints.chat_stream": "endpoints.chat.stream",
    "endpoints.chat_tools": "endpoints.chat.tools",
    "endpoints.common": "endpoints.parameters endpoints.forms endpoints.json_values endpoints.base",
    "endpoints.completions": "endpoints.chat.text_completions",
    "endpoints.conversations": "endpoints.responses.conversations",
    "endpoints.events": "endpoints.sse",
    "endpoints.realtime": "endpoints.audio.realtime",
    "endpoints.responses_input": "endpoints.responses.input endpoints.responses.messages endpoints.json_values",
    "endpoints.responses_native": "endpoints.responses.native",
    "endpoints.responses_native_stream": "endpoints.responses.native_stream",
    "endpoints.responses_past": "endpoints.responses.history",
    "endpoints.responses_replay": "endpoints.responses.replay",
    "endpoints.responses_request": "endpoints.responses.request endpoints.responses.tools",
    "endpoints.responses_response": "endpoints.responses.response endpoints.responses.tools",
    "endpoints.responses_stored": "endpoints.responses.stored",
    "endpoints.responses_stream": "endpoints.responses.stream",
    "endpoints.sound": "endpoints.audio_containers",
    "endpoints.speech": "endpoints.audio.speech",
    "endpoints.state": "endpoints.responses.records",
    "endpoints.table": "endpoints.routing",
    "endpoints.token_count": "endpoints.responses.input_tokens",
    "endpoints.transcriptions": "endpoints.audio.transcriptions",
    "endpoints.uploads": "endpoints.files.uploads",
    "endpoints.vector_stores": "endpoints.files.vector_stores endpoints.base",
    # the emulator
    "emulator.answers": "emulator.api.answers",
    "emulator.audio": "emulator.api.audio",
    "emulator.brain": "emulator.model.rules",
    "emulator.calls": "emulator.api.calls",
    "emulator.chat": "emulator.api.chat",
    "emulator.chat_request": "emulator.api.chat_request",
    "emulator.engine": "emulator.state",
    "emulator.errors": "emulator.api.errors",
    "emulator.evidence": "emulator.model.prompt_values",
    "emulator.extraction": "emulator.model.extraction",
    "emulator.facts": "emulator.catalog",
    "emulator.files": "emulator.api.files",
    "emulator.generation": "emulator.model.generation",
    "emulator.images": "emulator.api.images",
    "emulator.messages": "emulator.api.messages",
    "emulator.multipart": "emulator.api.multipart",
    "emulator.plain": "emulator.json_values",
    "emulator.platform": "emulator.api.platform",
    "emulator.prefix_cache": "emulator.model.prefix_cache",
    "emulator.realtime": "emulator.api.realtime",
    "emulator.responses": "emulator.api.responses",
    "emulator.retrieval": "emulator.model.retrieval",
    "emulator.schema_fill": "emulator.model.schema_values emulator.model.string_values",
    "emulator.tokens": "emulator.model.tokens",
    # the launcher
    "launch.detours": "launch.framework_hooks",
    "launch.early": "launch.legacy_module",
    "launch.emulated": "launch.emulator_process",
}
"""Each former module, and the modules that contain its names now."""

STILL: Final = {
    "catalog.failures": "catalog.failures",
    "client": "client _client.classes",
    "endpoints.base": "endpoints.base endpoints.context",
    "endpoints.files": "endpoints.files.files",
    "endpoints.images": "endpoints.images",
    "endpoints.models": "endpoints.models",
    "endpoints.responses": "endpoints.responses.endpoint",
    "explanation": "diagnostics.explain",
    "prompt_cache": "prompt_cache.stats",
    "report": "report",
    "settings": "settings credentials.urls credentials.keys credentials.target config.files",
}
"""Each module that still exists, and the modules that contain its former names."""

RENAMED: Final = {
    "call": {"Call": "CallState"},
    "catalog.failures": {"FAILURES": "ERROR_TYPES"},
    "client": {"StepfunMixin": "StepFunHooks", "signature_with_settings": "signature_with_settings"},
    "emulator.evidence": {"Evidence": "PromptValues"},
    "endpoints.base": {
        "Exchange": "RequestContext",
        "PlainEndpoint": "PassThroughEndpoint",
        "Refusal": "RequestRejected",
        "Reply": "WireResponse",
        "Request": "WireRequest",
        "Script": "Flow",
    },
    "endpoints.chat_completions": {"carry_cache_key": "apply_prompt_cache_key"},
    "endpoints.chat_response": {"cut": "truncate", "rescue_tool_calls": "parse_xml_tool_calls"},
    "endpoints.common": {
        "drop_by_table": "apply_parameter_policy",
        "kind_of_model": "resolve_model_of_kind",
        "segment": "path_segment",
        "wait": "Sleep",
    },
    "endpoints.completions": {"ENDPOINT": "Completions()"},
    "endpoints.conversations": {
        "ADD_ITEMS": "AddItems()",
        "CREATE": "Create()",
        "DELETE": "Delete()",
        "DELETE_ITEM": "DeleteItem()",
        "LIST_ITEMS": "ListItems()",
        "RETRIEVE": "Retrieve()",
        "RETRIEVE_ITEM": "RetrieveItem()",
        "UPDATE": "Update()",
    },
    "endpoints.files": {
        "CONTENT": "FileContent()",
        "CREATE": "CreateFile()",
        "DELETE": "DeleteFile()",
        "LIST": "ListFiles()",
        "RETRIEVE": "RetrieveFile()",
    },
    "endpoints.images": {"EDIT": "Edit()", "GENERATE": "Generate()", "VARIATION": "Variation()"},
    "endpoints.models": {"LIST": "ListModels()", "RETRIEVE": "RetrieveModel()"},
    "endpoints.responses": {"ENDPOINT": "Responses()"},
    "endpoints.responses_past": {"recall": "load_history", "refers": "needs_history"},
    "endpoints.responses_replay": {"AsTold": "PassThroughStream"},
    "endpoints.responses_request": {
        "Asked": "ResponsesState",
        "chat_tools": "unpack",
        "reasons_aloud": "emits_reasoning_item",
        "refuse_what_nobody_serves": "reject_unsupported",
        "told": "record_ignored_parameters",
    },
    "endpoints.responses_stored": {
        "CANCEL": "Cancel()",
        "DELETE": "Delete()",
        "INPUT_ITEMS": "InputItems()",
        "RETRIEVE": "Retrieve()",
    },
    "endpoints.speech": {"ENDPOINT": "Speech()", "VOICE": "Voice()"},
    "endpoints.state": {"listed": "paginate", "operation": "StoreOperation", "shown": "to_list_item"},
    "endpoints.token_count": {"ENDPOINT": "InputTokens()"},
    "endpoints.transcriptions": {"ENDPOINT": "Transcription()"},
    "endpoints.uploads": {
        "CANCEL": "CancelUpload()",
        "COMPLETE": "CompleteUpload()",
        "CREATE": "CreateUpload()",
        "PART": "AddPart()",
    },
    "endpoints.vector_stores": {
        "ADD_BATCH": "AddBatch()",
        "ADD_FILE": "AddFile()",
        "CREATE": "CreateStore()",
        "LIST": "ListStores()",
        "LIST_BATCH_FILES": "ListBatchFiles()",
        "LIST_FILES": "ListFiles()",
        "RETRIEVE": "RetrieveStore()",
        "RETRIEVE_BATCH": "RetrieveBatch()",
        "RETRIEVE_FILE": "RetrieveFile()",
    },
    "exchange": {"Exchange": "RequestContext", "Refusal": "RequestRejected"},
    "extras": {"Shared": "ClientFamily"},
    "fast.casting": {
        "Casting": "ObjectBuilder",
        "Chunks": "ChunkBuilder",
        "Events": "EventBuilder",
        "Moulds": "TemplateCache",
    },
    "fast.entry": {"casting": "builder_for", "trusted": "is_enabled"},
    "fast.messages": {"shorten_chat": "accelerate_chat", "shorten_responses": "accelerate_responses"},
    "fast.mould": {"NoMould": "NotTemplatable", "mould": "compile_template"},
    "gate": {"Gate": "CredentialGuard", "within": "contains_any_key"},
    "launch.detours": {"DETOURS": "FRAMEWORKS", "Watch": "FrameworkHooks"},
    "probing.wire": {"told": "rejection"},
    "report": {"warn_once": "tell_once"},
    "settings": {"Spec": "SettingSpec", "without_secrets": "redact_url"},
}
"""Each former or changed module, and the names in it that have changed, with the current ones."""


def look_up(module: str, name: str) -> Any:
    """Return the current object for a former name of a module, with a DeprecationWarning. For a module's `__getattr__`.

    Raises:
        AttributeError: the module had no such name, or it has no successor.
    """
    short = module.removeprefix(f"{_PACKAGE}.")
    successors = STILL.get(short) or MODULES.get(short, "")
    present = RENAMED.get(short, {}).get(name, name)
    if not name.startswith("_"):
        for place in successors.split():
            full = f"{_PACKAGE}.{place}"
            value = vars(import_module(full)).get(present.removesuffix("()"), _NOTHING)
            if value is not _NOTHING:
                warnings.warn(f"{module}.{name} is now {full}.{present}.", DeprecationWarning, stacklevel=3)
                return value() if present.endswith("()") else value
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


_NOTHING: Final = object()


def spec_of(name: str) -> ModuleSpec | None:
    """Return the import spec of a former module; None for any other name."""
    short = name.removeprefix(f"{_PACKAGE}.")
    if short not in MODULES:
        return None
    return ModuleSpec(name, _Loader(), is_package=any(other.startswith(f"{short}.") for other in MODULES))


class _Loader(Loader):
    """Load a module whose names are looked up in its successors."""

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Fill the module. The warning comes when a name is looked up, since it can then give the new name."""
        vars(module)["__getattr__"] = former_names_of(module.__name__)
