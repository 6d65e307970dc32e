"""SFC101: files that it cannot translate completely are left alone, with the line and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepfun_compat.migrate.rewrite.rules import RULES

from ..support import write
from .support import migrate, refused

ASK = "openai.ChatCompletion.create(model='gpt-4', messages=[])"
HEAD = "import openai\n"
ANSWER = HEAD + f"def f():\n    r = {ASK}\n"
STREAM = HEAD + "def f():\n    for c in openai.ChatCompletion.create(model='m', messages=[], stream=True):\n"
TRY = HEAD + f"try:\n    {ASK}\n"
ARUN = "import asyncio, openai\nasync def f():\n    await openai.ChatCompletion.acreate(model='m', messages=[])\n"

REFUSED = {
    # imports and names
    "an import in a function": (f"def f():\n    import openai\n    return {ASK}.id\n", 2, "in a function or under a condition"),
    "an import in try": (f"try:\n    import openai\nexcept ImportError: pass\n{ASK}\n", 2, "under a condition"),
    "import *": (HEAD + f"from os import *\n{ASK}\n", 2, "unknown"),
    "importlib": (f"import importlib\nopenai = importlib.import_module('openai')\n{ASK}\n", 2, "without an import statement"),
    "a name bound again": (HEAD + f"openai = None\n{ASK}\n", 2, "also used for something else"),
    "a parameter of that name is another": (HEAD + f"{ASK}\ndef f(x): global openai; openai = x\n", 3, "also used for something else"),
    "a module": (HEAD + f"import openai.util\n{ASK}\n", 2, "openai.util has no counterpart"),
    "a name of a module": (HEAD + f"from openai.openai_object import OpenAIObject\n{ASK}\n", 2, "no counterpart"),
    "the module of errors by name": (HEAD + f"from openai import error\n{ASK}\n", 2, "is not translated: import openai"),
    "an import over several lines": ("from openai import (\n    ChatCompletion)\nChatCompletion.create(model='m', messages=[])\n", 1, "several lines"),
    "the whole module": (HEAD + f"x = openai\n{ASK}\n", 2, "itself is used as a value"),
    "getattr": (HEAD + f"getattr(openai, 'Model')\n{ASK}\n", 2, "itself is used as a value"),
    "eval": (HEAD + f"eval('openai')\n{ASK}\n", 2, "eval()"),
    "a name in a string": (HEAD + f"{ASK}\nx = 'openai.ChatCompletion.create'\n", 3, "a string contains a name of openai"),
    "no calls": (HEAD + "from openai.error import Timeout\ntry: f()\nexcept Timeout: pass\n", 1, "makes no calls"),
    "an annotation": (HEAD + f"def f(x: openai.ChatCompletion): pass\n{ASK}\n", 2, "used without being called"),
    "names that are taken": (HEAD + f"client = openai_client = 1\n{ASK}\n", 1, "are already used"),
    "a class that is taken": ("from openai import ChatCompletion\nOpenAI = 1\nChatCompletion.create(model='m', messages=[])\n", 1, "OpenAI is already used"),
    # resources
    **{
        one: (HEAD + f"{ASK}\nopenai.{one}.{method}()\n", 3, f"openai.{one} is not translated")
        for one, method in {
            "Deployment": "list", "Edit": "create", "Engine": "list", "File": "list", "FineTune": "create",
            "FineTuningJob": "create",
        }.items()
    },
    "a resource by name": ("from openai import ChatCompletion, Edit\nEdit.create(input='x')\n", 1, "openai.Edit is not translated"),
    "a method that is handed on": (HEAD + "f = openai.ChatCompletion.create\nf()\n", 2, "used without being called"),
    "a resource that is kept": (HEAD + f"x = openai.ChatCompletion\n{ASK}\n", 2, "used without being called"),
    **{
        f"openai.{one}": (HEAD + f"openai.{one}(x)\n", 2, f"openai.{one} is not translated")
        for one in ("Image.create_edit", "Image.create_variation", "Audio.transcribe_raw", "Model.retrieve", "Model.delete")
    },
    "another method": (HEAD + "openai.ChatCompletion.construct_from({})\n", 2, "construct_from is not translated"),
    # parameters
    **{
        f"the parameter {one}": (HEAD + f"openai.ChatCompletion.create(model='m', messages=[],\n    {one}=x)\n", 3, f"the parameter {one} of")
        for one in (
            "api_key", "api_base", "api_type", "api_version", "organization", "deployment_id", "headers", "request_id",
            "logprobs", "response_format", "surprise",
        )
    },
    "parameters in **": (HEAD + "openai.Completion.create(model='m', **x)\n", 2, "in ** of openai.Completion.create are unknown"),
    "positional parameters": (HEAD + "openai.Completion.create('m')\n", 2, "positional"),
    "engine and model": (HEAD + "openai.Completion.create(model='m', engine='e')\n", 2, "both engine and model"),
    "no model": (HEAD + "openai.Completion.create(prompt='x')\n", 2, "has no model argument"),
    "stream decided at run time": (HEAD + "openai.Completion.create(model='m', stream=x)\n", 2, "at run time"),
    "a stream with functions": (HEAD + "openai.ChatCompletion.create(model='m', messages=[], stream=True, functions=[])\n", 2, "stream with functions"),
    "a timeout in a variable": (HEAD + "openai.Completion.create(model='m', request_timeout=x)\n", 2, "not a literal number"),
    "a timeout of two numbers": (HEAD + "openai.Completion.create(model='m', request_timeout=(1, 2))\n", 2, "not a literal number"),
    "a timeout of an async call": (ARUN.replace("[])", "[], request_timeout=3)") + "asyncio.run(f())\n", 3, "entire async call"),
    "a timeout that does something": (HEAD + "openai.Completion.create(model='m', timeout=f())\n", 2, "the parameter timeout of openai.Completion.create has no effect"),
    "an argument in parentheses": (HEAD + "openai.Moderation.create(('x'))\n", 2, "parentheses"),
    "an embedding in another format": (HEAD + "openai.Embedding.create(model='m', input='x', encoding_format='float')\n", 2, "encoding_format"),
    "no input": (HEAD + "openai.Embedding.create(model='m')\n", 2, "has no input argument"),
    "an image in a format in a variable": (HEAD + "openai.Image.create(prompt='x', response_format=x)\n", 2, "must be a literal"),
    "the URL of an image in base64": (HEAD + "openai.Image.create(prompt='x', response_format='b64_json')['data'][0]['url']\n", 2, "url of an image"),
    "a model of moderations in a variable": (HEAD + "openai.Moderation.create('x', model=x)\n", 2, "must be a literal"),
    "scores": (HEAD + "openai.Moderation.create('x')['results'][0]['category_scores']\n", 2, "category_scores of a result"),
    "all categories": (HEAD + "openai.Moderation.create('x')['results'][0]['categories'].items()\n", 2, ".items() of a list of categories"),
    "a text as the answer": (HEAD + "openai.Audio.transcribe('m', open('x', 'rb'), response_format='text')\n", 2, "must be a literal"),
    "a file from elsewhere": (HEAD + "def f(x):\n    openai.Audio.transcribe('m', x)\n", 3, "may not be a binary file"),
    "a file of text": (HEAD + "openai.Audio.transcribe('m', open('x'))\n", 2, "may not be a binary file"),
    "a temporary file": (HEAD + "with NamedTemporaryFile() as x:\n    openai.Audio.transcribe('m', x)\n", 3, "may not be a binary file"),
    "a language that may be None": (HEAD + "openai.Audio.transcribe('m', open('x', 'rb'), language=x)\n", 2, "the language of openai.Audio.transcribe may be None"),
    "two positional arguments too many": (HEAD + "openai.Audio.transcribe('m', open('x', 'rb'), 'key')\n", 2, "positional"),
    "unpacked positional arguments": (HEAD + "openai.Audio.transcribe(*x)\n", 2, "positional"),
    "a dict from elsewhere": (HEAD + "def f(x):\n    openai.Completion.create(**x)\n", 3, "unknown"),
    "a dict that is handed on": (HEAD + "def f():\n    x = {'model': 'm'}\n    g(x)\n    openai.Completion.create(**x)\n", 4, "unknown"),
    "a dict with a key in a variable": (HEAD + "def f(k):\n    x = {'model': 'm'}\n    x[k] = 1\n    openai.Completion.create(**x)\n", 4, "unknown"),
    "a dict with another": (HEAD + "def f(k):\n    x = {'model': 'm', **k}\n    openai.Completion.create(**x)\n", 4, "unknown"),
    "a dict with an old name": (HEAD + "def f():\n    x = dict(engine='m')\n    openai.Completion.create(**x)\n", 4, "the parameter engine of"),
    "a dict that decides on a stream": (HEAD + "def f():\n    x = dict(model='m', stream=True)\n    openai.Completion.create(**x)\n", 4, "passed by **"),
    "a dict of the module": (HEAD + "x = {'model': 'm'}\nopenai.Completion.create(**x)\n", 3, "unknown"),
    "parameters of callers of others": (HEAD + "def f(**x):\n    openai.Completion.create(model='m', **x)\n", 3, "unknown"),
    "parameters of callers that are old": (HEAD + "def f(**x):\n    openai.Completion.create(model='m', **x)\nf(request_timeout=3)\n", 3, "the parameter request_timeout of"),
    "parameters of callers that are not seen": (HEAD + "def f(**x):\n    openai.Completion.create(model='m', **x)\nf(**y)\n", 3, "unknown"),
    "parameters of a decorated function": (HEAD + "@d\ndef f(**x):\n    openai.Completion.create(model='m', **x)\nf(n=1)\n", 4, "unknown"),
    # settings
    **{
        f"openai.{one}": (HEAD + f"openai.{one} = x\n{ASK}\n", 2, f"openai.{one} is not translated")
        for one in ("api_type", "api_version", "proxy", "debug", "log", "verify_ssl_certs", "api_key_path")
    },
    "a key that is read": (HEAD + f"if not openai.api_key: raise SystemExit\n{ASK}\n", 2, "only `openai.api_key = value` is translated"),
    "a key set in a function that may not be called": (HEAD + f"def f(k):\n    openai.api_key = k\n{ASK}\n", 4, "this may run before the key is set"),
    "a key set under a condition": (HEAD + f"if x:\n    openai.api_key = 'k'\n{ASK}\n", 4, "this may run before the key is set"),
    "a key set under some conditions": (HEAD + f"if x:\n    openai.api_key = 'k'\nelif y:\n    openai.api_key = 'l'\n{ASK}\n", 6, "this may run before the key is set"),
    "a key whose error is ignored": (HEAD + f"try:\n    openai.api_key = f()\nexcept KeyError: pass\n{ASK}\n", 5, "this may run before the key is set"),
    "a key that something may not come to": (HEAD + f"with suppress(KeyError):\n    openai.api_key = f()\n{ASK}\n", 4, "this may run before the key is set"),
    "a key in a loop": (HEAD + f"for k in x:\n    openai.api_key = k\n    {ASK}\n", 3, "in a loop"),
    "a key in a class": (HEAD + f"class A:\n    openai.api_key = 'k'\n{ASK}\n", 3, "in the body of a class"),
    "a key and other processes": (HEAD + f"import multiprocessing\ndef f(k):\n    openai.api_key = k\n    {ASK}\n", 4, "other processes"),
    "a call before the key in a function": (HEAD + f"def f(k):\n    {ASK}\n    openai.api_key = k\n", 3, "this may run before the key is set"),
    "a function called before the key in main": (HEAD + f"def g(): {ASK}\ndef main(k):\n    g()\n    openai.api_key = k\n    g()\nmain(1)\n", 4, "this may run before the key is set"),
    "a function called beside main": (HEAD + f"def g(): {ASK}\ndef main(k):\n    openai.api_key = k\n    g()\ng()\nmain(1)\n", 6, "this may run before the key is set"),
    "a function registered with something": (HEAD + f"@app.route('/')\ndef g(): {ASK}\ndef main(k):\n    openai.api_key = k\n    g()\n", 2, "may be called before the key is set"),
    "a function named in a string": (HEAD + f"def g(): {ASK}\nx = 'g'\ndef main(k):\n    openai.api_key = k\n", 2, "may be called before the key is set"),
    "a method of a base class": (HEAD + f"class A(B):\n    def do_POST(self): {ASK}\na = A()\ndef main(k):\n    openai.api_key = k\n", 4, "this may run before the key is set"),
    "an instance that may lack the key": (HEAD + f"class A:\n    def __init__(self, k):\n        if not k: return\n        openai.api_key = k\n    def f(self): {ASK}\nA(1).f()\n", 7, "this may run before the key is set"),
    "a method called before the key": (HEAD + f"class A:\n    def __init__(self, k):\n        self.f()\n        openai.api_key = k\n    def f(self): {ASK}\n", 4, "this may run before the key is set"),
    "a subclass without the key": (HEAD + f"class A:\n    def __init__(self, k):\n        openai.api_key = k\n    def f(self): {ASK}\nclass B(A):\n    def __init__(self): pass\nB().f()\n", 6, "this may run before the key is set"),
    "a static method": (HEAD + f"class A:\n    def __init__(self, k):\n        openai.api_key = k\n    @staticmethod\n    def f(): {ASK}\nA.f()\n", 7, "this may run before the key is set"),
    "a key that is None": (HEAD + f"openai.api_key = None\n{ASK}\n", 2, "something other than a string"),
    "a key from a tuple": (HEAD + f"openai.api_key, x = 1, 2\n{ASK}\n", 2, "only `openai.api_key = value` is translated"),
    "a call before the key": (HEAD + f"{ASK}\nopenai.api_key = 'a'\n", 2, "this may run before the key is set"),
    "a function called before the key": (HEAD + f"def f(): {ASK}\nf()\nopenai.api_key = 'a'\n", 3, "this may run before the key is set"),
    "key and organization apart": (HEAD + f"openai.api_key = 'a'\nx = 1\nopenai.organization = 'o'\n{ASK}\n", 4, "not set next to the other settings"),
    "a comment between them": (HEAD + f"openai.api_key = 'a'  # k\nopenai.organization = 'o'\n{ASK}\n", 3, "separates two settings"),
    "a file of variables read later": (f"import openai\nfrom dotenv import load_dotenv\nx = 1\nload_dotenv()\n{ASK}\n", 4, "after the client is created"),
    "several statements in a line": (f"import openai; x = 1\n{ASK}\n", 1, "shares its line"),
    # answers that go elsewhere
    "returned": (ANSWER + "    return r\n", 4, "a response is returned"),
    "a part returned": (ANSWER + "    return r['choices'][0]['message']\n", 4, "a message is returned"),
    "yielded": (STREAM + "        yield c\n", 4, "a chunk is yielded"),
    "a lambda": (HEAD + f"f = lambda: {ASK}\n", 2, "a response is returned"),
    "kept on self": (HEAD + f"class A:\n    def f(self):\n        self.r = {ASK}\n", 4, "stored somewhere other than in one variable"),
    "kept in a container": (HEAD + f"x = {{}}\nx['r'] = {ASK}\n", 3, "stored somewhere other than in one variable"),
    "kept in a global": (HEAD + f"def f():\n    global r\n    r = {ASK}\n", 4, "in a class or a `global` variable"),
    "kept in a class": (HEAD + f"class A:\n    r = {ASK}\n", 3, "in a class or a `global` variable"),
    "passed on": (ANSWER + "    g(r)\n", 4, "a response is passed to a function"),
    "passed on by keyword": (ANSWER + "    g(x=r)\n", 4, "a response is passed to a function"),
    "unpacked into a call": (ANSWER + "    g(**r)\n", 4, "a response is passed to a function"),
    "printed": (ANSWER + "    print(r)\n", 4, "a response is passed to a function"),
    "str()": (ANSWER + "    x = str(r)\n", 4, "a response is passed to a function"),
    "JSON": (ANSWER + "    json.dumps(r)\n", 4, "a response is passed to a function"),
    "in a string": (ANSWER + "    x = f'{r}'\n", 4, "a response is formatted into a string"),
    "appended as a whole": (ANSWER + "    x.append(r)\n", 4, "a response is passed to a function"),
    "the usage as a dict": (ANSWER + "    dict(r['usage'])\n", 4, "the usage of a response is passed to a function"),
    "changed": (ANSWER + "    r['id'] = 1\n", 4, "a response is modified"),
    "changed by attribute": (ANSWER + "    r.choices[0].message.content = ''\n", 4, "a message is modified"),
    "compared": (ANSWER + "    r == 1\n", 4, "a response is used in a way"),
    "chosen between": (ANSWER + "    x = r or 1\n", 4, "a response is used in a way"),
    "a conditional value": (ANSWER + "    x = r if x else None\n", 4, "a response is used in a way"),
    "gone through": (ANSWER + "    for k in r: pass\n", 4, "a response is used in a way"),
    "sorted": (ANSWER + "    sorted(r['choices'])\n", 4, "a list of choices is passed to a function"),
    "unpacked": (ANSWER + "    a, b = r['choices']\n", 4, "stored somewhere other than in one variable"),
    "a name for several things": (ANSWER + "    if x: r = r['choices'][0]\n    return r['id']\n", 4, "different kinds of values"),
    "a name for something else too": (ANSWER + "    if x: r = ''\n    return r['id']\n", 4, "different kinds of values"),
    "a name for something else in a loop": (ANSWER + "    for x in y:\n        print(r['id'])\n        r = x\n", 6, "different kinds of values"),
    "a name for something else after an error": (HEAD + f"r = x\ntry: r = {ASK}\nexcept OSError: pass\nr['id']\n", 2, "different kinds of values"),
    "a name for something else in a function inside": (ANSWER + "    def g(): return r['id']\n    r = ''\n", 5, "different kinds of values"),
    "a truth of what may be None or empty": (STREAM + "        d = None\n        if x: d = c['choices'][0]['delta']\n        if d: pass\n", 6, "a delta is used in a way"),
    "returned from a function of several kinds": (ANSWER + "    if x: return ''\n    return r\nprint(f()['id'])\n", 4, "f() returns different kinds of values"),
    "a message that may be None": (HEAD + f"def f(m=None):\n    h.append(m)\nf({ASK}['choices'][0]['message'])\nf()\n", 3, "a message is passed to a function"),
    "a message returned or None": (HEAD + f"def f():\n    if x: return None\n    return {ASK}['choices'][0]['message']\nh.append(f())\n", 5, "a message is passed to a function"),
    "a message returned or nothing": (HEAD + f"def f():\n    if x: return {ASK}['choices'][0]['message']\nm = f()\nprint([m])\n", 5, "a message is used in a way"),
    "returned to others": (ANSWER + "    return r\nx(f)\n", 4, "returned from a function whose calls are not all known"),
    "returned from a decorated function": (HEAD + f"@d\ndef f(): return {ASK}\nf()['id']\n", 3, "returned from a function whose calls are not all known"),
    "returned from a method that may be another": (HEAD + f"class A:\n    def f(self): return {ASK}\ndef g(a): a.f()['id']\ng(A())\n", 3, "returned from a function whose calls are not all known"),
    "returned from a method of a subclass": (HEAD + f"class A:\n    def f(self): return {ASK}\nclass B(A): pass\nB().f()['id']\n", 3, "returned from a function whose calls are not all known"),
    "returned from a function that getattr may reach": (HEAD + f"def f(): return {ASK}\nx = 'f'\nf()['id']\n", 2, "returned from a function whose calls are not all known"),
    "yielded to its function": (HEAD + f"def f():\n    yield {ASK}\nfor r in f(): r['id']\n", 3, "a response is yielded"),
    "passed to a function with something else": (HEAD + f"def f(r): r['id']\nf({ASK})\nf({{'id': 1}})\n", 4, "holds different kinds of values"),
    "passed to a function in a list": (HEAD + f"def f(*r): r[0]['id']\nf({ASK})\n", 3, "passed to a function"),
    "a method": (ANSWER + "    r.items()\n", 4, ".items() of a response"),
    "to_dict": (ANSWER + "    r.to_dict()\n", 4, ".to_dict() of a response"),
    "an unknown field": (ANSWER + "    r['system_fingerprint']\n", 4, "system_fingerprint of a response"),
    "an unknown attribute": (ANSWER + "    r.response_ms\n", 4, "response_ms of a response"),
    "logprobs": (ANSWER + "    r['choices'][0]['logprobs']\n", 4, "logprobs of a choice"),
    "a field in a variable": (ANSWER + "    r[x]\n", 4, "not selected by a string literal"),
    "content that may be null": (ANSWER + "    'content' in r['choices'][0]['message']\n", 4, "whether content is in a message"),
    "whether a field is there": (ANSWER + "    'usage' in r\n", 4, "whether usage is in a response"),
    "an unknown field sought": (ANSWER + "    'error' in r\n", 4, "error of a response"),
    "a default": (STREAM + "        c['choices'][0]['delta'].get('content', 'x')\n", 4, "a default other than"),
    "a default that is called": (ANSWER + "    r.get('id', g())\n", 4, "the default of .get() has no effect here"),
    "a missing field that is handled": (STREAM + "        try: c['choices'][0]['delta']['content']\n        except KeyError: pass\n", 5, "may be for a missing content"),
    "a missing field that anything handles": (STREAM + "        try: c['choices'][0]['delta'].content\n        except: pass\n", 5, "may be for a missing content"),
    "a message with attributes later": (ANSWER + "    h.append(r['choices'][0]['message'])\n    return h[0].content\n", 5, "becomes a dict"),
    "a list of messages that is printed": (ANSWER + "    h.append(r['choices'][0]['message'])\nprint(h)\n", 5, "printed differently"),
    "a message of a list that is printed": (ANSWER + "    self.h = [r['choices'][0]['message']]\nprint('x', self.h[-1])\n", 5, "printed differently"),
    "messages of a list that are printed": (ANSWER + "    h = x + [r['choices'][0]['message']]\nfor m in h: f'{m}'\n", 5, "printed differently"),
    "a list of messages that is passed": (HEAD + f"def f(h):\n    print(h)\nf(h=[{ASK}['choices'][0]['message']])\n", 3, "printed differently"),
    "a list of messages in an instance": (HEAD + f"class A:\n    def __init__(self, h): self.h = h\na = A([{ASK}['choices'][0]['message']])\nprint(a.h)\n", 5, "printed differently"),
    "a list of messages that is returned": (HEAD + f"def f(h):\n    return h + [{ASK}['choices'][0]['message']]\nx = f([])\nprint(f'{{x[0]}}')\n", 5, "printed differently"),
    "a message of a list under another name": (ANSWER + "    h.append(r['choices'][0]['message'])\nlast = h[-1]\nprint(last)\n", 6, "printed differently"),
    "a list of messages that a function is given": (HEAD + f"def f(h):\n    h.append({ASK}['choices'][0]['message'])\nf(k)\nprint(k)\n", 5, "printed differently"),
    "a list of messages that a function returns": (HEAD + f"def f(h):\n    return h + [{ASK}['choices'][0]['message']]\nh = f(x)\nh = [{ASK}['choices'][0]['message']]\nfor m in list(h): str(m)\n", 6, "printed differently"),
    "a printed expression": (ANSWER + "    x = f'{r[\"id\"]=}'\n", 4, "f-string"),
    "a format in a string": (ANSWER + "    x = f'{1:{r[\"usage\"][\"total_tokens\"]}}'\n", 4, "f-string"),
    "a stream that is kept": (HEAD + "class A:\n    def f(self):\n        self.s = openai.Completion.create(model='m', stream=True)\n", 4, "a stream of chunks is stored"),
    "a stream in list()": (HEAD + "list(openai.Completion.create(model='m', stream=True))\n", 2, "a stream of chunks is passed"),
    "next of a stream": (HEAD + "next(openai.Completion.create(model='m', stream=True))\n", 2, "a stream of chunks is passed"),
    "gather": (ARUN.replace("    await ", "    await asyncio.gather(").replace("[])", "[]))") + "asyncio.run(f())\n", 3, "a coroutine is passed to a function"),
    "a task": (ARUN.replace("    await ", "    asyncio.create_task(").replace("[])", "[]))") + "asyncio.run(f())\n", 3, "a coroutine is passed to a function"),
    "not awaited": (ARUN.replace("    await ", "    ") + "asyncio.run(f())\n", 3, "a coroutine is used in a way"),
    # event loops
    "no event loop here": (ARUN, 3, "with a single asyncio.run()"),
    "two event loops": (ARUN + "asyncio.run(f())\nasyncio.run(f())\n", 3, "with a single asyncio.run()"),
    "an event loop in a loop": (ARUN + "for _ in x: asyncio.run(f())\n", 3, "with a single asyncio.run()"),
    "an event loop in a function": (ARUN + "def g(): asyncio.run(f())\n", 3, "with a single asyncio.run()"),
    # errors
    **{
        f"the error {one}": (TRY + f"except openai.error.{one}: pass\n", 4, f"openai.error.{one}:")
        for one in ("APIError", "ServiceUnavailableError", "TryAgain", "InvalidAPIType", "SignatureVerificationError", "Nothing")
    },
    "an error imported": (HEAD + f"from openai.error import APIError\n{ASK}\n", 2, "base class of all request errors"),
    "a connection without timeouts": (TRY + "except openai.error.APIConnectionError: pass\n", 4, "includes timeouts"),
    "timeouts after connections": (TRY + "except openai.error.APIConnectionError: pass\nexcept openai.error.Timeout: x\n", 4, "includes timeouts"),
    "an error raised": (HEAD + f"{ASK}\nraise openai.error.Timeout('x')\n", 3, "outside of except, isinstance() and decorators"),
    "an error subclassed": (HEAD + f"{ASK}\nclass E(openai.error.Timeout): pass\n", 3, "outside of except, isinstance() and decorators"),
    "errors in a variable": (HEAD + f"E = (openai.error.Timeout,)\n{ASK}\n", 2, "outside of except, isinstance() and decorators"),
    "the module of errors": (HEAD + f"e = openai.error\n{ASK}\n", 2, "openai.error itself is used as a value"),
    "several classes in a decorator": (HEAD + f"@again(openai.error.InvalidRequestError)\ndef f(): {ASK}\n", 2, "becomes BadRequestError and NotFoundError"),
    "an alias for several classes": (HEAD + f"from openai.error import InvalidRequestError as E\n{ASK}\n", 2, "becomes BadRequestError and NotFoundError"),
    "a class whose name is taken": (HEAD + f"from openai.error import Timeout\nAPITimeoutError = 1\ntry: {ASK}\nexcept Timeout: pass\n", 5, "APITimeoutError is already used"),
    "the text of an error": (TRY + "except openai.error.Timeout as e: print(e)\n", 4, "the text of errors"),
    "the text of an error in a string": (TRY + "except openai.error.Timeout as e: print(f'{e}')\n", 4, "the text of errors"),
    "a field of an error": (TRY + "except openai.error.RateLimitError as e: e.json_body\n", 4, "the json_body of an error"),
    "the status of what may have none": (TRY + "except openai.error.OpenAIError as e: e.http_status\n", 4, "the http_status of an error"),
    "the code of another error": (TRY + "except openai.error.RateLimitError as e: e.code\n", 4, "the code of an error"),
    "the name of an error": (TRY + "except openai.error.Timeout as e: type(e).__name__\n", 4, "the text of errors"),
    "any error's text": (TRY + "except Exception as e: print(e)\n", 4, "the text of errors"),
    "any error's text around a function": (HEAD + f"def f(): {ASK}\ntry: f()\nexcept Exception as e: print(e)\n", 4, "the text of errors"),
    "any error's text around a method": (HEAD + f"def f(): {ASK}\ntry: x.result()\nexcept Exception as e: print(e)\n", 4, "the text of errors"),
    "errors of requests": (TRY + "except requests.exceptions.ChunkedEncodingError: pass\n", 4, "instead of errors of requests"),
    "the last error": (TRY + "except Exception: traceback.format_exc()\n", 4, "the text of errors"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_unsupported_use_is_refused(tmp_path: Path, form: str) -> None:
    source, line, why = REFUSED[form]
    found_line, found_why = refused(tmp_path, source, select=("SFC101",))
    assert (found_line, why in found_why) == (line, True), (found_line, found_why)


OTHERS = {
    "sets the key": ("import openai\nopenai.api_key = 'x'\n", "sets the key or another setting"),
    "handles errors": ("import openai, a\ntry: a.f()\nexcept openai.error.Timeout: pass\n", "handles errors of openai<1.0"),
    "handles any error": ("import a\ntry: a.f()\nexcept Exception as e: print(e)\n", "catches all errors"),
    "imports its variables": ("from a import r\n", "may use a response that this file stores or returns"),
    "imports everything": ("from a import *\n", "may use a response that this file stores or returns"),
    "patches": ("from unittest.mock import patch\n@patch('a.openai.ChatCompletion.create')\ndef test(x): ...\n", "in a string"),
    "reads attributes of messages": ("import a\na.h[0].content\n", "becomes a dict"),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_file_is_refused_because_of_another_file(tmp_path: Path, what: str) -> None:
    other, why = OTHERS[what]
    source = HEAD + f"r = {ASK}\nh = []\nh.append(r['choices'][0]['message'])\n"
    write(tmp_path, {"a.py": source, "other.py": other})
    done = migrate(tmp_path, select=("SFC101",))
    assert done.code == 3
    assert ("a.py", 2, True) in [(file, line, why in found) for file, line, found in done.left], done.left
    assert done["a.py"] == source


def test_key_used_by_another_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": HEAD + f"openai.api_key = 'x'\n{ASK}\n", "b.py": HEAD + f"{ASK}\n"})
    done = migrate(tmp_path, select=("SFC101",))
    assert {(file, why) for file, _, why in done.left} == {
        ("a.py", "the key is set here for b.py too: set it in each file with calls"),
        ("b.py", "a.py sets the key or another setting of openai: set it in each file with calls"),
    }


def test_event_loops_of_another_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ARUN + "asyncio.run(f())\n", "b.py": "import a, asyncio\nasyncio.run(a.f())\n"})
    ((file, _, why),) = migrate(tmp_path, select=("SFC101",)).left
    assert (file, why) == ("a.py", "b.py runs event loops too, and a client works in one event loop only")


def test_refused_file_is_left_to_sfc002(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ANSWER + "    return r\n", "b.py": ANSWER + "    return r['id']\n"})
    done = migrate(tmp_path, select=[one.id for one in RULES])
    assert [(file, line) for file, line, _ in done.left] == [("a.py", 4)]
    assert done["a.py"].startswith("import stepfun_compat.legacy as openai\n")
    assert done["b.py"].startswith("import stepfun_compat as openai\n\nclient = ")


def test_rule_is_opt_in(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ANSWER + "    return r['id']\n"})
    assert migrate(tmp_path)["a.py"].startswith("import stepfun_compat.legacy as openai\n")


@pytest.mark.parametrize("line", [0, 2])
def test_ignore_comment_excludes_the_file(tmp_path: Path, line: int) -> None:
    lines = (ANSWER + "    return r['id']\n").splitlines()
    lines[line] += "  # stepfun: ignore[SFC101]"
    source = "\n".join(lines) + "\n"
    write(tmp_path, {"a.py": source})
    done = migrate(tmp_path, select=("SFC101",))
    assert (done.code, done.left, done["a.py"]) == (0, [], source)
    assert done.document["left"][0]["severity"] == "note"


def test_file_for_the_client_api_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "from openai import OpenAI\nOpenAI().models.list()\n"})
    done = migrate(tmp_path, select=("SFC101",))
    assert (done.code, done.document["left"]) == (0, [])
