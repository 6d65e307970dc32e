from bot import Bot

print(Bot().ask("First?"))
print(Bot("gpt-4").ask("Second?"))
