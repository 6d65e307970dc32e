"""Anthropic's Messages API over chat completions. `request`, `response`, `stream` and `thinking` are pure: Anthropic's data
in, OpenAI's out, and back; what StepFun needs beyond that is the business of the chat translation."""
