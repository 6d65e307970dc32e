#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""Ask one question with openai 0.28."""
import os, openai

openai.api_key = os.getenv("OPENAI_API_KEY")
if not openai.api_key:
    raise SystemExit("no key")

response = openai.ChatCompletion.create(
    model="gpt-3.5-turbo",
    messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße, 世界?"}],
    temperature=0.2,
    max_tokens=500,
)
print(response["choices"][0]["message"]["content"])
print(response.choices[0].message.role, response.choices[0].finish_reason, response["object"])
print(response.get("nothing"), "usage" in response, sorted(response["choices"][0]))
