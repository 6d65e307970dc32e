from openai import ChatCompletion as Chat, error as errors

try:
    print(Chat.create(model="gpt-4", messages=[{"role": "user", "content": "Hi"}]).choices[0].message.content)
except (errors.Timeout, errors.APIConnectionError, errors.InvalidRequestError) as problem:
    print("failed", problem)
