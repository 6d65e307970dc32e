import openai
from pydantic import BaseModel


class Event(BaseModel):
    name: str
    people: list[str]


client = openai.OpenAI()
answer = client.beta.chat.completions.parse(
    model="gpt-4o", messages=[{"role": "user", "content": "Ann and Bob go to a fair."}], response_format=Event
)
print(repr(answer.choices[0].message.parsed))
