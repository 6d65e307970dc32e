from typing import List

import openai
from openai import OpenAI
from pydantic import BaseModel


class Step(BaseModel):
    explanation: str
    output: str


class MathResponse(BaseModel):
    steps: List[Step]
    final_answer: str


client = OpenAI()
# openai before 1.92 keeps `parse` under `beta`
completions = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
completion = completions.parse(
    model="gpt-4o-2024-08-06",
    messages=[
        {"role": "system", "content": "You are a helpful math tutor."},
        {"role": "user", "content": "solve 8x + 31 = 2"},
    ],
    response_format=MathResponse,
)
message = completion.choices[0].message
print(message.parsed)
print("steps:", len(message.parsed.steps), "openai", openai.__version__)
