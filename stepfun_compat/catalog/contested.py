"""Facts that sources disagree about, and how to recognize a refusal (stepfun-api 3.1 to 3.6, 5, 8.1, 11, 13).

The wording of most refusals is unknown, so the expressions match words that any refusal needs: the name of the parameter
and a negation. Rows of one endpoint are tried in this order.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from .schema import ContestedFact

_READ: Final = "2026-11-29"

NOT_SUPPORTED: Final = (
    r"not\s+(?:yet\s+|currently\s+)?(?:be\s+)?(?:support|allow|enabl|available|accept|permit|recogni[sz]ed)",
    r"un(?:supported|known|recogni[sz]ed|expected)",
    r"(?:only|is) supported (?:by|on|for|with)|only (?:supports?|accepts?|allows?)",
    r"不支持|暂不支持|仅支持|只支持|不可用|未开放|不允许|未知|不识别",
)
"""Words for a missing or unsupported parameter."""

BAD_VALUE: Final = (
    *NOT_SUPPORTED,
    r"is invalid|invalid (?:value|param|argument|type)|not (?:a )?valid|illegal",
    r"must be|should be|expected|one of|out of range|range|between|less than|greater than|at most|at least|exceed",
    r"无效|非法|不合法|范围|必须|应为|超出|取值|错误",
)
"""Words for an invalid value."""

_MALFORMED: Final = (
    r"invalid (?:json[ _])?schema|needs name|name and schema|missing|required|is not of type",
    r"缺少|必填|格式错误",
)
_KEYWORDS: Final = r"\$ref|\$defs|anyof|oneof|allof|recurs|keyword|additionalproperties|关键字|递归"
_UNRECOGNISED: Final = r"unrecognized chat message|invalid chat message|消息格式"
_OTHER_CONTENT: Final = (
    r"image|video|audio|file|url|base64|too long|too large|length|token|context|block|censor|content\.text|图|视频|音频|文件",
)
"""Words of errors about the content itself, which another form of the request cannot fix."""
_OTHER_FILE: Final = (r"extension|file[ _]?type|format|too large|size|many|quota|文件类型|格式|大小|过大|数量",)


def _chat(fact: str, parameter: str, **fields: Any) -> ContestedFact:
    fields = {"endpoint": "chat.completions", "as_of": _READ, **fields}
    return ContestedFact(fact=f"chat.{fact}", parameter=parameter, **fields)


CHAT: Final = (
    _chat(
        "json_schema_keywords",
        "response_format",
        openai="a keyword of the schema",
        safe="json_object and the schema in the prompt, with validation",
        rewrite="json_mode",
        about=(
            rf"(?:schema|response_format|结构化)[^\n]*(?:{_KEYWORDS})|(?:{_KEYWORDS})[^\n]*(?:schema|response_format)",
        ),
        refusal=NOT_SUPPORTED,
        source="OpenAI takes references and alternatives; StepFun documents no subset",
        source_against="unverified",
        remembered=False,  # another schema may not need it
    ),
    _chat(
        "json_schema",
        "response_format",
        openai="json_schema",
        safe="json_object and the schema in the prompt, with validation",
        rewrite="json_mode",
        about=(r"json[ _]schema|response_format|structured output|结构化输出|输出格式",),
        refusal=(*NOT_SUPPORTED, r"request param: response_format\S* is invalid", r"must be one of|should be one of"),
        unless=(*_MALFORMED, _KEYWORDS),
        source="chat/chat-completion-create (later copy: no model limit); measured on step-3.7-flash, 2026-09; English "
        "JSON-mode page, 2026-09",
        source_against="chat/chat-completion-create of 2026-06-19: step-3.5-flash and step-3.5-flash-2603 only",
    ),
    _chat(
        "frequency_penalty",
        "frequency_penalty",
        openai="a frequency_penalty outside 0.0 to 1.0",
        safe="the value limited to 0.0 to 1.0",
        rewrite="clamp",
        low=0.0,
        high=1.0,
        about=(r"frequency[ _]penalty|频率惩罚",),
        refusal=BAD_VALUE,
        source="chat/chat-completion-create (later copy)",
        source_against="chat/chat-completion-create of 2026-06-19",
        lossy=True,
    ),
    _chat(
        "presence_penalty",
        "presence_penalty",
        openai="a presence_penalty outside 0.0 to 1.0",
        safe="the value limited to 0.0 to 1.0",
        rewrite="clamp",
        low=0.0,
        high=1.0,
        about=(r"presence[ _]penalty|存在惩罚",),
        refusal=BAD_VALUE,
        source="OpenAI's range; StepFun documents no such parameter",
        source_against="unverified",
        lossy=True,
    ),
    _chat(
        "reasoning_effort_levels",
        "reasoning_effort",
        openai="efforts other than low and high",
        safe="low or high",
        rewrite="replace",
        values=MappingProxyType({"none": "low", "minimal": "low", "medium": "high", "xhigh": "high", "max": "high"}),
        about=(r"reasoning[ _.]effort|推理强度|思考强度",),
        refusal=BAD_VALUE,
        source="guides/models/reasoning; measured on step-3.7-flash, 2026-09",
        source_against="guides/models/step-3.5-flash-2603: low and high only",
    ),
    _chat(
        "reasoning_effort",
        "reasoning_effort",
        openai="reasoning_effort",
        safe="no reasoning_effort, which costs as much as high",
        rewrite="drop",
        about=(r"reasoning[ _.]effort|推理强度|思考强度",),
        refusal=BAD_VALUE,
        source="chat/chat-completion-create; StepFun's own client: any word is accepted and ignored, 2026-08",
        source_against="two adapters: refused with 400, 2026",
        lossy=True,
    ),
    _chat(
        "null_content",
        "messages",
        openai="null content with tool calls",
        safe='content ""',
        rewrite="string_content",
        about=(r"content|内容", _UNRECOGNISED),
        refusal=(
            r"null|none\b|nil|empty|missing|required|must be|should be|expected|string|为空|必填|缺少",
            _UNRECOGNISED,
        ),
        unless=_OTHER_CONTENT,
        source="chat/chat-completion-create: string or null; StepFun's own client sends null",
        source_against="two adapters: 400 'Unrecognized chat message.', 2026",
    ),
    _chat(
        "text_parts",
        "messages",
        openai="a list of text parts",
        safe="their text as a string",
        rewrite="join_text",
        about=(r"content|内容", _UNRECOGNISED),
        refusal=(r"string|array|list\b|parts?\b|字符串|数组", _UNRECOGNISED),
        unless=_OTHER_CONTENT,
        source="chat/chat-completion-create: user content takes parts",
        source_against="chat/chat-completion-create: other roles a string only; reported: 400 'Unrecognized chat message.'",
    ),
    _chat(
        "roles",
        "messages",
        openai="roles other than system, user, assistant and tool",
        safe="one of those four",
        rewrite="roles",
        about=(r"\broles?\b|developer|角色", _UNRECOGNISED),
        refusal=BAD_VALUE,
        source="OpenAI; StepFun answers some unknown roles",
        source_against="chat/chat-completion-create: system, user, assistant, tool",
    ),
    _chat(
        "message_keys",
        "messages",
        openai="undocumented keys in messages",
        safe="only role, content, tool_calls and tool_call_id",
        rewrite="documented_keys",
        about=(r"messages?\S*\.(?:name|reasoning\w*)|messages?[^\n]*(?:field|key|propert)|字段", _UNRECOGNISED),
        refusal=(*NOT_SUPPORTED, r"extra (?:fields|inputs|keys)|不合法|非法|多余", _UNRECOGNISED),
        source="StepFun's cookbook replays reasoning_content",
        source_against="reported: 400 'Unrecognized chat message.' for keys StepFun does not support, 2026",
    ),
    _chat(
        "system_messages",
        "messages",
        openai="system messages after the first",
        safe="one system message, the first",
        rewrite="one_system",
        about=(r"system[ _](?:message|role|prompt)|(?:message|role)s?[^\n]*system|系统消息|系统提示|system 消息",),
        refusal=(
            r"first|begin|start|only one|more than one|multiple|single|once|several|order|position|at the",
            r"开头|首条|第一条|一条|多条|多个|顺序|位置",
        ),
        source="OpenAI; StepFun documents no limit",
        source_against="unverified",
    ),
    _chat(
        "stream_options",
        "stream_options",
        openai="stream_options",
        safe="no stream_options: usage is on every chunk anyway",
        rewrite="drop",
        about=(r"stream_options|include_usage",),
        refusal=BAD_VALUE,
        source="OpenAI; StepFun does not document whether it accepts it",
        source_against="two adapters avoid it, 2026",
    ),
    _chat(
        "tool_choice",
        "tool_choice",
        openai="tool_choice",
        safe="no tool_choice; the client selects the tools to send",
        rewrite="drop",
        about=(r"tool_choice",),
        refusal=BAD_VALUE,
        source="measured: accepted and ignored, 2026-09",
        source_against="guides/developer/tool-call shows auto only",
    ),
    _chat(
        "messages_api",
        "model",
        openai="chat with this model",
        safe="none",
        rewrite="none",
        about=(r"messages api|/messages\b",),
        refusal=(r"please use|not enabled|not (?:be )?support|请使用|不支持|未开放",),
        source="guides/models",
        source_against="StepFun's own client, measured 2026-08: 400 'please use the Messages API'",
    ),
)

RESPONSES: Final = (
    ContestedFact(
        fact="responses.model",
        endpoint="responses",
        parameter="model",
        openai="StepFun's own Responses",
        safe="chat",
        rewrite="chat",
        about=(r"responses?[ _]api|/responses|responses 接口|responses接口",),
        refusal=(*NOT_SUPPORTED, r"please use|请使用"),
        source="responses/responses-create: step-3.7-flash; measured: step-5-preview answers, 2026",
        source_against="measured: 400 'not enabled for the Responses API' for other models, 2026",
        as_of=_READ,
    ),
    ContestedFact(
        fact="responses.json_schema",
        endpoint="responses",
        parameter="text",
        openai="json_schema on StepFun's own Responses",
        safe="chat, where JSON mode is available",
        rewrite="chat",
        about=(r"json[ _]schema|text\.format|response_format|structured output|结构化输出|输出格式",),
        refusal=(*NOT_SUPPORTED, r"request param: text\S* is invalid", r"must be one of|should be one of"),
        unless=_MALFORMED,
        source="responses/responses-create",
        source_against="as for chat",
        as_of=_READ,
    ),
    ContestedFact(
        fact="responses.tool_choice",
        endpoint="responses",
        parameter="tool_choice",
        openai="tool_choice",
        safe="no tool_choice, which means auto",
        rewrite="drop",
        about=(r"tool_choice",),
        refusal=BAD_VALUE,
        source="OpenAI",
        source_against="responses/responses-create: auto only",
        as_of=_READ,
    ),
    ContestedFact(
        fact="responses.reasoning",
        endpoint="responses",
        parameter="reasoning",
        openai="reasoning.effort",
        safe="no reasoning.effort",
        rewrite="drop",
        about=(r"reasoning[ _.]effort|param: reasoning\b|推理强度|思考强度",),
        refusal=BAD_VALUE,
        source="responses/responses-create",
        source_against="as for chat",
        as_of=_READ,
        lossy=True,
    ),
)

FILES: Final = (
    ContestedFact(
        fact="files.purpose",
        endpoint="files.create",
        parameter="purpose",
        openai="file purposes other than storage",
        safe="storage",
        rewrite="replace",
        values=MappingProxyType({"file-extract": "storage", "retrieval-text": "storage", "retrieval-image": "storage"}),
        about=(r"purpose|用途",),
        refusal=BAD_VALUE,
        unless=_OTHER_FILE,
        source="files/create (Chinese page of 2026-06-19)",
        source_against="files/create (English page, 2026): storage only",
        as_of=_READ,
        lossy=True,
    ),
    ContestedFact(
        fact="files.storage",
        endpoint="files.create",
        parameter="purpose",
        openai="the file purpose storage",
        safe="file-extract for a document, retrieval-image for an image",
        rewrite="other_purpose",
        about=(r"purpose|用途",),
        refusal=BAD_VALUE,
        unless=_OTHER_FILE,
        source="files/create",
        source_against="unverified",
        as_of=_READ,
        lossy=True,
    ),
)

CONTESTED: Final = (*CHAT, *RESPONSES, *FILES)
