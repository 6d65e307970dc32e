import openai


def complete(prompt, **options):
    answer = openai.Completion.create(engine="text-davinci-003", prompt=prompt, max_tokens=200, **options)
    return answer.choices[0].text.strip()


print(complete("Once upon a time", temperature=0.5))
