"""The configuration each tool needs to call this server, as `--print-config` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TEMPLATES: Final[Mapping[str, str]] = {
    "codex": """\
# ~/.codex/config.toml; start with: STEPFUN_SERVE_TOKEN={token} codex
model = "gpt-5.5"
model_provider = "stepfun"

[model_providers.stepfun]
name = "StepFun"
base_url = "{url}/v1"
env_key = "STEPFUN_SERVE_TOKEN"
wire_api = "responses"
""",
    "claude-code": """\
export ANTHROPIC_BASE_URL={url}
export ANTHROPIC_AUTH_TOKEN={token}
export ANTHROPIC_MODEL=claude-sonnet-4-5
export ANTHROPIC_SMALL_FAST_MODEL=claude-haiku-4-5
export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
claude
""",
    "cline": """\
# command line
cline auth -p openai-compatible -b {url}/v1 -k {token} -m gpt-4.1
# editor: Cline > Settings > API Provider: OpenAI Compatible
#   Base URL: {url}/v1
#   API Key:  {token}
#   Model ID: gpt-4.1
""",
    "continue": """\
# ~/.continue/config.yaml
name: StepFun
version: 1.0.0
schema: v1
models:
  - name: StepFun
    provider: openai
    model: gpt-4.1
    apiBase: {url}/v1
    apiKey: {token}
    roles: [chat, edit, apply]
""",
    "open-webui": """\
# installed with pip; what was saved under Admin Panel > Settings > Connections takes precedence over these variables
OPENAI_API_BASE_URL={url}/v1 OPENAI_API_KEY={token} open-webui serve

# in Docker
docker run -d -p 3000:8080 --add-host host.docker.internal:host-gateway -v open-webui:/app/backend/data \\
  -e OPENAI_API_BASE_URL={docker_url}/v1 -e OPENAI_API_KEY={token} \\
  ghcr.io/open-webui/open-webui:main
# and the server, so that the container reaches it:
# STEPFUN_SERVE_TOKEN={token} stepfun-compat serve --host 0.0.0.0 --port {port} --allow-host host.docker.internal
""",
    "opencode": """\
// opencode.json
{{
  "$schema": "https://opencode.ai/config.json",
  "provider": {{
    "stepfun": {{
      "npm": "@ai-sdk/openai-compatible",
      "name": "StepFun",
      "options": {{"baseURL": "{url}/v1", "apiKey": "{token}"}},
      "models": {{"step-3.7-flash": {{}}, "gpt-5": {{}}}}
    }}
  }}
}}
""",
    "node": """\
export OPENAI_BASE_URL={url}/v1
export OPENAI_API_KEY={token}
node app.js
""",
    "curl": """\
curl {url}/v1/chat/completions \\
  -H "Authorization: Bearer {token}" -H "Content-Type: application/json" \\
  -d '{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "Hello"}}]}}'
""",
}

TOOLS: Final = tuple(_TEMPLATES)


def lines_for(tool: str, host: str, port: int, token: str = "") -> str:
    """Return the lines for a tool; without a token they use the variable `$STEPFUN_SERVE_TOKEN`.

    Raises:
        KeyError: no such tool.
    """
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else f"[{host}]" if ":" in host else host
    return _TEMPLATES[tool].format(
        url=f"http://{name}:{port}",
        port=port,
        docker_url=f"http://host.docker.internal:{port}",
        token=token or "$STEPFUN_SERVE_TOKEN",
    )
