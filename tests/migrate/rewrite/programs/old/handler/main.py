"""Handlers of a small application: parameters in a dict, errors as statuses."""

import json
import os

import openai

openai.api_key = os.environ.get("OPENAI_API_KEY")
ROUTES = {}


def route(path):
    def decorate(function):
        ROUTES[path] = function
        return function

    return decorate


@route("/chat")
def chat(message, temperature=0.2, functions=None):
    params = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": message}], "temperature": temperature}
    if temperature == 0:
        params["top_p"] = 1
    params.update(user="someone")
    try:
        response = openai.ChatCompletion.create(**params, timeout=5)
    except openai.error.RateLimitError as error:
        return json.dumps({"error": "slow down"}), error.http_status
    except openai.error.InvalidRequestError as error:
        return json.dumps({"error": "bad request"}), error.http_status
    return json.dumps({"reply": response.choices[0].message.content}, ensure_ascii=False), 200


print(ROUTES["/chat"]("Hello."))
print(ROUTES["/chat"]("Hello.", temperature=0))
print(ROUTES["/chat"]("Hello."))
