"""SFC101: the translation of each use of openai<1.0, sync and async."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.migrate.rewrite.rules import RULES
from stepfun_compat.migrate.rewrite.rules.sfc101.tree import Stop, Tree
from tests.support.properties import examples

from ..support import write
from .support import migrate, migrated
from .test_properties import SOURCES, check

CALL = "openai.ChatCompletion.create(model='m', messages=[])"
NEW = "client.chat.completions.create(model='m', messages=[])"
TEXT = "openai.Completion.create(model='m', prompt='x')"
NEW_TEXT = "client.completions.create(model='m', prompt='x')"
STREAM = "for c in openai.ChatCompletion.create(model='m', messages=[], stream=True): "
NEW_STREAM = "for c in client.chat.completions.create(model='m', messages=[], stream=True): "

USES = {
    "subscripts": (f"{CALL}['choices'][0]['message']['content']", f"{NEW}.choices[0].message.content"),
    "attributes": (f"{CALL}.choices[0].message.content", f"{NEW}.choices[0].message.content"),
    "both": (f'{CALL}.choices[0]["message"].content', f"{NEW}.choices[0].message.content"),
    "a space before a bracket": (f"{CALL} [ 'id' ]", f"{NEW} .id"),
    "get": (f"{CALL}.get('choices')[-1].get('message', {{}}).get('content')", f"{NEW}.choices[-1].message.content"),
    "get of what is always there": (f"{CALL}.get('id', 'none')", f"{NEW}.id"),
    "a slice": (f"[one['index'] for one in {CALL}['choices'][1:]]", f"[one.index for one in {NEW}.choices[1:]]"),
    "a computed index": (f"{CALL}['choices'][x]['finish_reason']", f"{NEW}.choices[x].finish_reason"),
    "a name": (f"r = {CALL}\nr['id']", f"r = {NEW}\nr.id"),
    "two names at once": (f"r = q = {CALL}\nq['id']", f"r = q = {NEW}\nq.id"),
    "a name with a type": (f"r: dict = {CALL}\nr['id']", f"r: dict = {NEW}\nr.id"),
    "a name that is None first": (f"r = None\nr = {CALL}\nif r is not None: r['id']", f"r = None\nr = {NEW}\nif r is not None: r.id"),
    "a walrus": (f"if (r := {CALL}): r['id']", f"if (r := {NEW}): r.id"),
    "a truth": (f"r = {CALL}\nif r and not r['choices']: pass", f"r = {NEW}\nif r and not r.choices: pass"),
    "a closure": (f"def f():\n    r = {CALL}\n    return lambda: r['id']", f"def f():\n    r = {NEW}\n    return lambda: r.id"),
    "the same name in another function": (f"def f():\n    r = {CALL}\n    return r['id']\ndef g(r): return r['id']", f"def f():\n    r = {NEW}\n    return r.id\ndef g(r): return r['id']"),
    "usage": (f"u = {CALL}['usage']\nu['total_tokens']", f"u = {NEW}.usage\nu.total_tokens"),
    "a loop over choices": (f"for c in {CALL}.choices:\n    c['message']['role']", f"for c in {NEW}.choices:\n    c.message.role"),
    "a counted loop": (f"for i, c in enumerate({CALL}['choices'], 1): c['index']", f"for i, c in enumerate({NEW}.choices, 1): c.index"),
    "a length": (f"len({CALL}['choices'])", f"len({NEW}.choices)"),
    "an f-string": (f"r = {CALL}\nf\"r['id'] {{{{r['id']}}}} {{r['id']}}{{r['id']!r:>{{w}}}} é {{r['model']:3}}\"", f"r = {NEW}\nf\"r['id'] {{{{r['id']}}}} {{r.id}}{{r.id!r:>{{w}}}} é {{r.model:3}}\""),
    "an f-string of several literals": (f"r = {CALL}\nx = ('a' rf'\\d{{1}}'\n  f'\\N{{EM DASH}}{{r[\"id\"]}}' '{{r}}')", f"r = {NEW}\nx = ('a' rf'\\d{{1}}'\n  f'\\N{{EM DASH}}{{r.id}}' '{{r}}')"),
    "a function call": (f"m = {CALL}['choices'][0]['message']\nif m.get('function_call'): m['function_call']['name']", f"m = {NEW}.choices[0].message\nif m.function_call: m.function_call.name"),
    "a function call sought": (f"m = {CALL}['choices'][0]['message']\nif 'function_call' not in m: pass", f"m = {NEW}.choices[0].message\nif m.function_call is None: pass"),
    "a message appended": (f"h.append({CALL}['choices'][0]['message'])", f"h.append({NEW}.choices[0].message.to_dict())"),
    "a message in a list": (f"h = [{CALL}.choices[0].message, {{}}]", f"h = [{NEW}.choices[0].message.to_dict(), {{}}]"),
    "a list of messages whose texts are printed": (f"def f(h, t):\n    h.append({CALL}.choices[0].message)\n    print(t, len(h))\n    return h[-1]['content']\nh = []\nr = f(h, 'x')\nprint(r)\nfor m in h[1:]: print(m['role'], h[0]['content'])", f"def f(h, t):\n    h.append({NEW}.choices[0].message.to_dict())\n    print(t, len(h))\n    return h[-1]['content']\nh = []\nr = f(h, 'x')\nprint(r)\nfor m in h[1:]: print(m['role'], h[0]['content'])"),
    "a message unpacked": (f"m = {CALL}.choices[0].message\ndict(**m)\nx = {{**m, 'a': 1}}", f"m = {NEW}.choices[0].message\ndict(**m.to_dict())\nx = {{**m.to_dict(), 'a': 1}}"),
    "a completion": (f"{TEXT}['choices'][0]['text']", f"{NEW_TEXT}.choices[0].text"),
    "streamed completions": ("for c in openai.Completion.create(model='m', prompt='x', stream=True): c['choices'][0]['text']", "for c in client.completions.create(model='m', prompt='x', stream=True): c.choices[0].text"),
    "engine": ("openai.Completion.create(engine='m')", "client.completions.create(model='m')"),
    "a timeout": ("openai.Completion.create(model='m', request_timeout=3)", "client.completions.create(model='m', timeout=3)"),
    "no stream": ("openai.Completion.create(model='m', stream=False)['id']", "client.completions.create(model='m', stream=False).id"),
    "a timeout of other days": ("openai.Completion.create(model='m', timeout=3, n=1)", "client.completions.create(model='m', n=1)"),
    "a timeout before **": ("def f():\n    p = {'n': 1}\n    openai.Completion.create(model='m', timeout=3, **p)", "def f():\n    p = {'n': 1}\n    client.completions.create(model='m', **p)"),
    "a timeout at the end": ("openai.Completion.create(model='m',\n  timeout=x.y,\n)", "client.completions.create(model='m',\n)"),
    "an embedding": ("v = openai.Embedding.create(input=['a'], engine='m')['data'][0]['embedding']", "v = client.embeddings.create(input=['a'], model='m').data[0].embedding"),
    "embeddings": ("r = openai.Embedding.create(input=x, model='m', user='u')\n[d['embedding'] for d in r['data']]\nr['usage']['total_tokens']", "r = client.embeddings.create(input=x, model='m', user='u')\n[d.embedding for d in r.data]\nr.usage.total_tokens"),
    "an image": ("openai.Image.create(prompt='a', n=1, size='256x256')['data'][0]['url']", "client.images.generate(prompt='a', n=1, size='256x256').data[0].url"),
    "an image in base64": ("r = openai.Image.create(prompt='a', response_format='b64_json')\nfor i, d in enumerate(r['data']): d['b64_json']", "r = client.images.generate(prompt='a', response_format='b64_json')\nfor i, d in enumerate(r.data): d.b64_json"),
    "a moderation": ("r = openai.Moderation.create(x)['results'][0]\nif r['flagged']: r['categories']['hate/threatening'], r.categories['self-harm'], r.categories.hate", "r = client.moderations.create(input=x).results[0]\nif r.flagged: r.categories.hate_threatening, r.categories.self_harm, r.categories.hate"),
    "a moderation by name": ("openai.Moderation.create(input=x, model='text-moderation-latest').get('results')[0].get('flagged')", "client.moderations.create(input=x, model='text-moderation-latest').results[0].flagged"),
    "models": ("[m['id'] for m in openai.Model.list()['data']]", "[m.id for m in client.models.list().data]"),
    "a transcription": ("f = open(x, 'rb')\nopenai.Audio.transcribe('m', f)['text']", "f = open(x, 'rb')\nclient.audio.transcriptions.create(model='m', file=f).text"),
    "a translation": ("with open(x, mode='rb') as f:\n    t = openai.Audio.translate('m', file=f, prompt='p', temperature=0).get('text')", "with open(x, mode='rb') as f:\n    t = client.audio.translations.create(model='m', file=f, prompt='p', temperature=0).text"),
    "a dict of parameters": ("def f(x):\n    p = {'model': 'm', 'prompt': x}\n    if x: p['n'] = len(p['prompt'])\n    p.update({'stop': None}, user='u')\n    return openai.Completion.create(**p, best_of=2)['id']", "def f(x):\n    p = {'model': 'm', 'prompt': x}\n    if x: p['n'] = len(p['prompt'])\n    p.update({'stop': None}, user='u')\n    return client.completions.create(**p, best_of=2).id"),
    "parameters of callers": ("def f(x, **more):\n    return openai.Completion.create(model='m', prompt=x, **more)['id']\nf('a', n=2)\nf(x='b')\nf('c', stop=None, user='u')", "def f(x, **more):\n    return client.completions.create(model='m', prompt=x, **more).id\nf('a', n=2)\nf(x='b')\nf('c', stop=None, user='u')"),
    "a name for the answer and its text": (f"r = {CALL}\nr = r['choices'][0]['message']\nr = r['content']\nprint(r['x'], r)", f"r = {NEW}\nr = r.choices[0].message\nr = r.content\nprint(r['x'], r)"),
    "a name that starts anew in a loop": (f"for x in y:\n    r = {CALL}\n    r = r['id']\n    print(r)", f"for x in y:\n    r = {NEW}\n    r = r.id\n    print(r)"),
    "a name that is bound in branches": (f"if x: r = {CALL}\nelse: r = {CALL}\nr['id']\nr = 1", f"if x: r = {NEW}\nelse: r = {NEW}\nr.id\nr = 1"),
    "a name whose other value ends the program": (f"r = 1\ntry: r = {CALL}\nexcept ValueError: raise\nr['id']", f"r = 1\ntry: r = {NEW}\nexcept ValueError: raise\nr.id"),
    "an answer returned": (f"def f():\n    r = {CALL}\n    return r\nprint(f()['id'])\nq = f()\nq.choices[0].message['content']", f"def f():\n    r = {NEW}\n    return r\nprint(f().id)\nq = f()\nq.choices[0].message.content"),
    "a message returned and kept": (f"def f():\n    if x: raise E\n    return {CALL}.choices[0]['message']\nh = []\nh.append(f())", f"def f():\n    if x: raise E\n    return {NEW}.choices[0].message\nh = []\nh.append(f().to_dict())"),
    "an answer passed on": (f"def f(r, x=0, *, q=None):\n    if q: q['id']\n    return r['id']\nprint(f({CALL}))\nf(x=1, q={CALL}, r={CALL})", f"def f(r, x=0, *, q=None):\n    if q: q.id\n    return r.id\nprint(f({NEW}))\nf(x=1, q={NEW}, r={NEW})"),
    "methods": (f"class A:\n    def ask(self, x): return {CALL}\n    def show(self, r): return r['id'], self.ask(1)['id']\na = A()\na.show(a.ask(2))", f"class A:\n    def ask(self, x): return {NEW}\n    def show(self, r): return r.id, self.ask(1).id\na = A()\na.show(a.ask(2))"),
    "a stream returned": ("def f(): return openai.Completion.create(model='m', stream=True)\nfor c in f(): print(c['id'])", "def f(): return client.completions.create(model='m', stream=True)\nfor c in f(): print(c.id)"),
    "whether a delta is empty": (STREAM + "d = c['choices'][0].get('delta'); print(1 if not d else d.get('content'))", NEW_STREAM + "d = c.choices[0].delta; print(1 if not d.to_dict() else d.content)"),
    "code with names of its own": (f"{CALL}['id']\neval(x, {{}})", f"{NEW}.id\neval(x, {{}})"),
    "a delta": (STREAM + "c['choices'][0]['delta'].get('content')", NEW_STREAM + "c.choices[0].delta.content"),
    "a delta with a default": (STREAM + "x = c.choices[0].delta.get('content', \"\")", NEW_STREAM + "x = c.choices[0].delta.content or \"\""),
    "a default in a sum": (STREAM + "x = y + c['choices'][0]['delta'].get('content', '')", NEW_STREAM + "x = y + (c.choices[0].delta.content or '')"),
    "a default and a method": (STREAM + "c['choices'][0]['delta'].get('content', '').strip()", NEW_STREAM + "(c.choices[0].delta.content or '').strip()"),
    "a default in a string": (STREAM + "f\"{c['choices'][0]['delta'].get('content', '')}\"", NEW_STREAM + "f\"{c.choices[0].delta.content or ''}\""),
    "a delta sought": (STREAM + "x = 'content' in c['choices'][0]['delta']", NEW_STREAM + "x = c.choices[0].delta.content is not None"),
    "a stream in a name": ("s = openai.Completion.create(model='m', stream=True)\n[c['id'] for c in s]", "s = client.completions.create(model='m', stream=True)\n[c.id for c in s]"),
}  # fmt: skip


@pytest.mark.parametrize("alias", ["openai", "ai"])
@pytest.mark.parametrize("use", USES)
def test_use_is_translated(tmp_path: Path, use: str, alias: str) -> None:
    before, after = USES[use]
    imported = "import openai" + ("" if alias == "openai" else f" as {alias}")
    source = f"{imported}\n{before.replace('openai.', alias + '.')}\n"
    expected = f"import stepfun_compat as {alias}\n\nclient = {alias}.OpenAI(max_retries=0)\n{after}\n"
    assert migrated(tmp_path, source, select=("SFC101",)) == expected


@pytest.mark.parametrize(
    "use", [one for one in USES if not re.search(r"lambda|def |timeout|eval|openai\.(?!Chat|Comp)", USES[one][0])]
)
def test_async_use_is_translated(tmp_path: Path, use: str) -> None:
    before, after = USES[use]
    body = before.replace("openai.ChatCompletion.create", "(await openai.ChatCompletion.acreate").replace(
        "openai.Completion.create", "(await openai.Completion.acreate"
    )
    for call in ("model='m', messages=[])", "prompt='x')", "stream=True)", "engine='m')", "stream=False)"):
        body = body.replace(call, call + ")")
    new = after.replace("client.", "(await client.")
    for call in ("model='m', messages=[])", "prompt='x')", "stream=True)", "(model='m')", "stream=False)"):
        new = new.replace(call, call + ")")
    if "stream=True" in body:
        body, new = (text.replace("for c in", "async for c in") for text in (body, new))
    lines = (
        "import asyncio, openai\n",
        "import asyncio, stepfun_compat as openai\n\nclient = openai.AsyncOpenAI(max_retries=0)\n",
    )
    source, expected = (
        f"{first}async def f():\n    " + text.replace("\n", "\n    ") + "\nasyncio.run(f())\n"
        for first, text in zip(lines, (body, new), strict=True)
    )
    assert migrated(tmp_path, source, select=("SFC101",)) == expected


TRY = f"try: {CALL}\n"
NEW_TRY = f"try: {NEW}\n"
MADE = "import stepfun_compat as openai\n\nclient = openai.OpenAI(max_retries=0)\n"
FILES = {
    "names": ("from openai import ChatCompletion as C, Completion\nC.create(model='m', messages=[])\nCompletion.create(model='m')\n",
              "from stepfun_compat import OpenAI\n\nclient = OpenAI(max_retries=0)\nclient.chat.completions.create(model='m', messages=[])\nclient.completions.create(model='m')\n"),
    "the module and its errors": (f"import openai\nimport openai.error\n{TRY}except openai.error.Timeout: pass\n", f"{MADE}{NEW_TRY}except openai.APITimeoutError: pass\n"),
    "only the errors": (f"import openai.error\n{CALL}\n", f"{MADE}{NEW}\n"),
    "the errors under a name": (f"import openai, openai.error as e\n{TRY}except e.RateLimitError: pass\n",
                                f"import stepfun_compat as openai, stepfun_compat as e\n\nclient = openai.OpenAI(max_retries=0)\n{NEW_TRY}except e.RateLimitError: pass\n"),
    "errors over several lines": (f"import openai\nfrom openai.error import (  # all\n    InvalidRequestError,  # one\n    Timeout as T,\n)\n{TRY}except (InvalidRequestError, T): pass\n",
                                  f"import stepfun_compat as openai\nfrom stepfun_compat import (  # all\n    BadRequestError, NotFoundError,  # one\n    APITimeoutError as T,\n)\n\nclient = openai.OpenAI(max_retries=0)\n{NEW_TRY}except (BadRequestError, NotFoundError, T): pass\n"),
    "errors of the package": (f"import openai\n{TRY}except openai.InvalidRequestError as e: e.code, e.param, e.http_status\nexcept openai.OpenAIError: pass\n",
                              f"{MADE}{NEW_TRY}except (openai.BadRequestError, openai.NotFoundError) as e: e.code, e.param, e.status_code\nexcept openai.OpenAIError: pass\n"),
    "an error by name": ("from openai import ChatCompletion, OpenAIError as E\ntry: ChatCompletion.create(model='m', messages=[])\nexcept E: pass\n",
                         f"from stepfun_compat import OpenAI, OpenAIError as E\n\nclient = OpenAI(max_retries=0)\n{NEW_TRY}except E: pass\n"),
    "permissions": (f"import openai\n{TRY}except openai.error.PermissionError as e: raise X from e\n", f"{MADE}{NEW_TRY}except openai.PermissionDeniedError as e: raise X from e\n"),
    "connections and timeouts": (f"import openai\n{TRY}except (openai.error.Timeout, openai.error.APIConnectionError): pass\n", f"{MADE}{NEW_TRY}except (openai.APITimeoutError, openai.APIConnectionError): pass\n"),
    "isinstance": (f"import openai\n{TRY}except Exception as e:\n    if isinstance(e, openai.error.InvalidRequestError): raise\n", f"{MADE}{NEW_TRY}except Exception as e:\n    if isinstance(e, (openai.BadRequestError, openai.NotFoundError)): raise\n"),
    "a decorator": (f"import openai, tenacity\n@tenacity.retry(retry=tenacity.retry_if_exception_type(openai.error.RateLimitError))\ndef f(): {CALL}\n",
                    f"import stepfun_compat as openai, tenacity\n\nclient = openai.OpenAI(max_retries=0)\n@tenacity.retry(retry=tenacity.retry_if_exception_type(openai.RateLimitError))\ndef f(): {NEW}\n"),
    "any error elsewhere": (f"import openai, json\n{CALL}\ntry: json.loads('x'.strip())\nexcept Exception as e: print(e)\n", f"import stepfun_compat as openai, json\n\nclient = openai.OpenAI(max_retries=0)\n{NEW}\ntry: json.loads('x'.strip())\nexcept Exception as e: print(e)\n"),
    "a key": (f"import os, openai\nopenai.api_key = os.environ['K']; x = 1\n{CALL}\n", f"import os, stepfun_compat as openai\nclient = openai.OpenAI(api_key=os.environ['K'], max_retries=0); x = 1\n{NEW}\n"),
    "a key written out": (f"import openai\nopenai . api_key='k'  # é\n{CALL}\n", f"import stepfun_compat as openai\nclient = openai.OpenAI(api_key='k', max_retries=0)  # é\n{NEW}\n"),
    "an organization": (f"import openai\nopenai.organization = 'o'\n{CALL}\n", f"import stepfun_compat as openai\nclient = openai.OpenAI(organization='o', max_retries=0)\n{NEW}\n"),
    "a name that is taken": (f"import openai\nclient = 1\n{CALL}\n", f"import stepfun_compat as openai\n\nopenai_client = openai.OpenAI(max_retries=0)\nclient = 1\n{NEW.replace('client.', 'openai_client.', 1)}\n"),
    "a file of variables": (f"from dotenv import load_dotenv\nimport openai\nimport os\n\nload_dotenv()\n{CALL}\n", f"from dotenv import load_dotenv\nimport stepfun_compat as openai\nimport os\n\nload_dotenv()\n\nclient = openai.OpenAI(max_retries=0)\n{NEW}\n"),
    "both kinds": (f"import asyncio, openai\n{CALL}\nasync def f(): await openai.ChatCompletion.acreate(model='m', messages=[])\nasyncio.run(f())\n",
                   f"import asyncio, stepfun_compat as openai\n\nclient = openai.OpenAI(max_retries=0)\nasync_client = openai.AsyncOpenAI(max_retries=0)\n{NEW}\nasync def f(): await async_client.chat.completions.create(model='m', messages=[])\nasyncio.run(f())\n"),
    "settings twice": (f"import openai\nopenai.api_key = 'a'\n{CALL}\nopenai.api_key = f'{{x}}'\n{CALL}\n", f"import stepfun_compat as openai\nclient = openai.OpenAI(api_key='a', max_retries=0)\n{NEW}\nclient = openai.OpenAI(api_key=f'{{x}}', max_retries=0)\n{NEW}\n"),
    "a base URL": (f"import openai\nopenai.api_base = 'http://localhost:8000/v1'\nopenai.api_key = 'none'\n{CALL}\n", f"import stepfun_compat as openai\nclient = openai.OpenAI(base_url='http://localhost:8000/v1', api_key='none', max_retries=0)\n{NEW}\n"),
    "a key for both kinds": (f"import asyncio, openai, os\nopenai.api_key = os.getenv('K')\n{CALL}\nasync def f(): await openai.ChatCompletion.acreate(model='m', messages=[])\nasyncio.run(f())\n",
                             f"import asyncio, stepfun_compat as openai, os\nclient = openai.OpenAI(api_key=os.getenv('K'), max_retries=0)\nasync_client = openai.AsyncOpenAI(api_key=client.api_key, max_retries=0)\n{NEW}\nasync def f(): await async_client.chat.completions.create(model='m', messages=[])\nasyncio.run(f())\n"),
    "a key in a function": (f"import openai\ndef f(k):\n    openai.api_key = k\n    return {CALL}['id']\n", f"import stepfun_compat as openai\ndef f(k):\n    client = openai.OpenAI(api_key=k, max_retries=0)\n    return {NEW}.id\n"),
    "a key in a function with functions": (f"import openai\ndef main(k):\n    openai.api_key = k\n    def f(): return {CALL}['id']\n    return f()\n", f"import stepfun_compat as openai\ndef main(k):\n    client = openai.OpenAI(api_key=k, max_retries=0)\n    def f(): return {NEW}.id\n    return f()\n"),
    "a key in a function that calls itself": (f"import openai\ndef f(k):\n    openai.api_key = k\n    if k: f(k[1:])\n    {CALL}\n", f"import stepfun_compat as openai\ndef f(k):\n    global client\n    client = openai.OpenAI(api_key=k, max_retries=0)\n    if k: f(k[1:])\n    {NEW}\n"),
    "a key of the environment in a function that calls itself": (f"import openai, os\ndef f(k):\n    openai.api_key = os.getenv('K')\n    if k: f(k[1:])\n    {CALL}\n", f"import stepfun_compat as openai, os\ndef f(k):\n    client = openai.OpenAI(api_key=os.getenv('K'), max_retries=0)\n    if k: f(k[1:])\n    {NEW}\n"),
    "a key in a generator": (f"import openai\ndef f(k):\n    openai.api_key = k\n    yield {CALL}['id']\n", f"import stepfun_compat as openai\ndef f(k):\n    global client\n    client = openai.OpenAI(api_key=k, max_retries=0)\n    yield {NEW}.id\n"),
    "keys in functions": (f"import openai\ndef f():\n    openai.api_key = key()\n    {CALL}\ndef g():\n    openai.api_key = key()\n    {CALL}\n", f"import stepfun_compat as openai\ndef f():\n    client = openai.OpenAI(api_key=key(), max_retries=0)\n    {NEW}\ndef g():\n    client = openai.OpenAI(api_key=key(), max_retries=0)\n    {NEW}\n"),
    "other keys in functions": (f"import openai\ndef f(k):\n    openai.api_key = k\n    {CALL}\ndef g():\n    openai.api_key = 'l'\n    {CALL}\n", f"import stepfun_compat as openai\ndef f(k):\n    global client\n    client = openai.OpenAI(api_key=k, max_retries=0)\n    {NEW}\ndef g():\n    global client\n    client = openai.OpenAI(api_key='l', max_retries=0)\n    {NEW}\n"),
    "a key on all ways": (f"import openai, os, sys\ndef main():\n    if 'K' in os.environ:\n        openai.api_key = os.environ['K']\n    elif len(sys.argv) > 1:\n        openai.api_key = sys.argv[1]\n    else:\n        sys.exit('no key')\n    {CALL}\n", f"import stepfun_compat as openai, os, sys\ndef main():\n    if 'K' in os.environ:\n        client = openai.OpenAI(api_key=os.environ['K'], max_retries=0)\n    elif len(sys.argv) > 1:\n        client = openai.OpenAI(api_key=sys.argv[1], max_retries=0)\n    else:\n        sys.exit('no key')\n    {NEW}\n"),
    "a key in try": (f"import openai, os, sys\ntry:\n    openai.api_key = os.environ['K']\nexcept KeyError:\n    sys.exit(1)\ndef f(): {CALL}\n", f"import stepfun_compat as openai, os, sys\ntry:\n    client = openai.OpenAI(api_key=os.environ['K'], max_retries=0)\nexcept KeyError:\n    sys.exit(1)\ndef f(): {NEW}\n"),
    "a key in a file": (f"import openai\nwith open('key') as f:\n    openai.api_key = f.read().strip()\n{CALL}\n", f"import stepfun_compat as openai\nwith open('key') as f:\n    client = openai.OpenAI(api_key=f.read().strip(), max_retries=0)\n{NEW}\n"),
    "a key in main": (f"import openai\ndef g(): {CALL}\ndef main(k):\n    openai.api_key = k\n    openai.organization = 'o'\n    g()\nif __name__ == '__main__':\n    main('k')\n", f"import stepfun_compat as openai\ndef g(): {NEW}\ndef main(k):\n    global client\n    client = openai.OpenAI(api_key=k, organization='o', max_retries=0)\n    g()\nif __name__ == '__main__':\n    main('k')\n"),
    "a key where the program starts": (f"import openai\ndef g(): {CALL}\nif __name__ == '__main__':\n    openai.api_key = input()\n    g()\n", f"import stepfun_compat as openai\ndef g(): {NEW}\nif __name__ == '__main__':\n    client = openai.OpenAI(api_key=input(), max_retries=0)\n    g()\n"),
    "a key in a function of its own": (f"import openai\ndef setup(k):\n    openai.api_key = k\ndef g(): {CALL}\nsetup('k')\ng()\n", f"import stepfun_compat as openai\ndef setup(k):\n    global client\n    client = openai.OpenAI(api_key=k, max_retries=0)\ndef g(): {NEW}\nsetup('k')\ng()\n"),
    "a key of an instance": (f"import openai\nclass A:\n    def __init__(self, k):\n        self.k = k\n        openai.api_key = self.k\n    def f(self): {CALL}\n", f"import stepfun_compat as openai\nclass A:\n    def __init__(self, k):\n        self.k = k\n        global client\n        client = openai.OpenAI(api_key=self.k, max_retries=0)\n    def f(self): {NEW}\n"),
    "a key of an instance and calls beside it": (f"import openai\nclass A:\n    def __init__(self, k):\n        openai.api_key = k\n    def f(self): {CALL}\na = A('k')\n{CALL}\n", f"import stepfun_compat as openai\nclass A:\n    def __init__(self, k):\n        global client\n        client = openai.OpenAI(api_key=k, max_retries=0)\n    def f(self): {NEW}\na = A('k')\n{NEW}\n"),
    "CRLF": (f"import openai\r\n{CALL}\r\n", f"import stepfun_compat as openai\r\n\r\nclient = openai.OpenAI(max_retries=0)\r\n{NEW}\r\n"),
    "a file that SFC002 has moved": (f"import stepfun_compat.legacy as openai\nfrom stepfun_compat.legacy.error import Timeout\n{TRY}except Timeout: pass\n",
                                     f"import stepfun_compat as openai\nfrom stepfun_compat import APITimeoutError\n\nclient = openai.OpenAI(max_retries=0)\n{NEW_TRY}except APITimeoutError: pass\n"),
    "names that SFC002 has moved": ("from stepfun_compat.legacy import ChatCompletion\nChatCompletion.create(model='m', messages=[])\n", f"from stepfun_compat import OpenAI\n\nclient = OpenAI(max_retries=0)\n{NEW}\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", FILES)
def test_file_is_translated(tmp_path: Path, form: str) -> None:
    before, after = FILES[form]
    assert migrated(tmp_path, before, select=("SFC101",)) == after


def test_rule_works_with_the_other_rules(tmp_path: Path) -> None:
    source = f"import os\nimport openai\nopenai.api_key = os.getenv('OPENAI_API_KEY')\n{CALL}\n"
    write(tmp_path, {"a.py": source, ".env": "OPENAI_API_KEY=x\n"})
    done = migrate(tmp_path, select=[one.id for one in RULES])
    assert done["a.py"].startswith(
        "import os\nimport stepfun_compat as openai\nclient = openai.OpenAI(api_key=os.getenv('"
    )
    assert migrate(tmp_path, mode="check", select=[one.id for one in RULES]).document["changes"] == []


LINES = [
    *(before for before, _ in USES.values()), *(before for before, _ in FILES.values()), "openai.api_key = 'é'", "r = 1",
    "import openai", "import openai as ai", "from openai.error import Timeout", "x = '日本'", "# stepfun: ignore[SFC101]",
    "client = 1", "print(r)", "def f(): return r", "class A: r = openai", "lambda: [*r]", "match r:\n    case {'id': r}: pass",
]  # fmt: skip


@examples(60)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_generated_programs_keep_the_properties(parts: list[str], newline: str, imported: bool) -> None:
    source = ("import openai\n" if imported else "") + "\n".join(parts) + "\n"
    check({"a.py": source.replace("\r\n", "\n").replace("\n", newline).encode()}, RULES)


@examples(40)
@given(st.sampled_from(SOURCES + sorted(Path(__file__).parent.glob("programs/old/*/*.py"))))
def test_any_source_is_read_without_a_crash(path: Path) -> None:
    check({"a.py": path.read_bytes() + b"\nimport openai\nopenai.Completion.create(model='m')\n"}, RULES)


PIECES = ["{x['a']}", "{x['a']!r}", "{x['a']:>{w}}", "{{x['a']}}", "{x['a']=}", "é", "{(x)['a']}", "{ x [ 'a' ] }", "{f(x['a'], {1: 2}[1])}", "{x['a'] != 1}", "\\n", "\n"]  # fmt: skip


@examples(100)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(["f", "rf", "F", "fr"]))
def test_expressions_in_f_strings_are_located(pieces: list[str], prefix: str) -> None:
    source = f'y = ("{{x}}" {prefix}"""{"".join(pieces)}""" "x[\'a\']")\n'
    from stepfun_compat.migrate.facts import decode

    tree = Tree(decode(source.encode()))
    for node in tree.nodes:
        if isinstance(node, ast.Subscript):
            try:
                found = tree.source(node).decode()
            except Stop:
                continue
            assert ast.dump(ast.parse(found, mode="eval").body) == ast.dump(node)
