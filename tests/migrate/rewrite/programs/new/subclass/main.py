try:
    import openai
    from openai import OpenAI
except ImportError:
    openai = None
    OpenAI = object


class Logged(OpenAI):
    def request(self, *args, **kwargs):
        print("asking")
        return super().request(*args, **kwargs)


print(Logged().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello."}]).choices[0].message.content)
print(issubclass(openai.OpenAI, __import__("openai").OpenAI))
