import importlib


def client():
    try:
        return importlib.import_module("openai")
    except ImportError:
        return None


def retry(call, times=3):
    import openai.error

    for _ in range(times):
        try:
            return call()
        except (openai.error.RateLimitError, openai.error.ServiceUnavailableError) as error:
            print("again after", type(error).__name__)


print(retry(lambda: client().ChatCompletion.create(model="gpt-4", messages=[{"role": "user", "content": "Hi"}]))
      .choices[0].message.content)
