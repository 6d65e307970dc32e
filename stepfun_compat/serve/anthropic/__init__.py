"""Anthropic's Messages API over chat completions. `request`, `response`, `stream` and `thinking` are pure and convert
between Anthropic's and OpenAI's data; the chat endpoint then translates OpenAI's data for StepFun."""
