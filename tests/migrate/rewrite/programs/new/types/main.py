import openai as oa
import openai.types.chat as chat_types
from openai.types.chat import ChatCompletion
from openai import NOT_GIVEN, types

client: oa.OpenAI = oa.Client()
answer = client.chat.completions.create(
    model="gpt-4o", messages=[{"role": "user", "content": "Hello."}], user=NOT_GIVEN
)
print(answer.choices[0].message.content)
print(isinstance(answer, ChatCompletion), isinstance(answer, chat_types.ChatCompletion), types.chat is chat_types)
