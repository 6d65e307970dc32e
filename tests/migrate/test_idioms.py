"""Ways programs reach a client, and code that only looks like it: the number of API calls in each."""

from __future__ import annotations

import pytest

from .support import calls, uses

ONE_FILE: dict[str, tuple[int, str]] = {
    'lazy global': (1, 'import openai\n_client=None\ndef get_client():\n    global _client\n    if _client is None:\n        _client=openai.OpenAI()\n    return _client\nget_client().chat.completions.create()\n'),
    'lru_cache factory': (1, 'from functools import lru_cache\nfrom openai import OpenAI\n@lru_cache\ndef client(): return OpenAI()\nclient().embeddings.create()\n'),
    'partial client': (1, "from functools import partial\nfrom openai import OpenAI\nmake=partial(OpenAI, api_key='x')\nmake().chat.completions.create()\n"),
    'partial method': (2, "from functools import partial\nfrom openai import OpenAI\nc=OpenAI()\nask=partial(c.chat.completions.create, model='x')\nask(messages=[])\n"),
    'method dict': (3, "from openai import OpenAI\nc=OpenAI()\nM={'chat':c.chat.completions.create,'emb':c.embeddings.create}\nM['chat'](model='x')\n"),
    'getattr': (1, "import openai\nc=openai.OpenAI()\ngetattr(c,'chat').completions.create()\n"),
    'getattr cls': (1, "import openai\nc=getattr(openai,'OpenAI')()\nc.chat.completions.create()\n"),
    'importlib': (1, "import importlib\no=importlib.import_module('openai')\no.OpenAI().chat.completions.create()\n"),
    'sys.modules': (1, "import sys\nsys.modules['openai'].OpenAI().chat.completions.create()\n"),
    'namedtuple/dataclass': (1, 'from dataclasses import dataclass, field\nimport openai\n@dataclass\nclass D:\n    client: openai.OpenAI = field(default_factory=openai.OpenAI)\n    def go(self): return self.client.chat.completions.create()\n'),
    'dataclass arg': (1, 'from dataclasses import dataclass\nimport openai\n@dataclass\nclass D:\n    client: object\ndef go(d: D): return d.client.chat.completions.create()\ngo(D(client=openai.OpenAI()))\n'),
    'dataclass positional arg': (1, 'from dataclasses import dataclass\nimport openai\n@dataclass\nclass D:\n    c: object\n    def go(self): return self.c.responses.create()\nD(openai.OpenAI()).go()\n'),
    'typing cast': (1, 'from typing import cast\nimport openai\ndef f(x): cast(openai.OpenAI, x).chat.completions.create()\n'),
    'type alias': (1, 'from typing import Union\nimport openai\nClient=Union[openai.OpenAI, openai.AsyncOpenAI]\ndef f(x: Client): x.files.list()\n'),
    'optional': (1, "from typing import Optional\nimport openai\ndef f(x: Optional['openai.OpenAI']=None): x.models.list()\n"),
    'closure': (1, 'import openai\ndef outer():\n    c=openai.OpenAI()\n    def inner(): return c.chat.completions.create()\n    return inner\n'),
    'lambda': (1, 'import openai\nc=openai.OpenAI()\nf=lambda m: c.chat.completions.create(model=m)\n'),
    'comprehension': (1, 'import openai\nr=[c.chat.completions.create() for c in (openai.OpenAI(), openai.OpenAI())]\n'),
    'zip enumerate': (1, 'import openai\nfor i,c in enumerate([openai.OpenAI()]): c.chat.completions.create()\n'),
    'dict items': (1, "import openai\nD={'a':openai.OpenAI()}\nfor k,c in D.items(): c.chat.completions.create()\n"),
    'executor submit': (1, "import openai\nfrom concurrent.futures import ThreadPoolExecutor\nc=openai.OpenAI()\nwith ThreadPoolExecutor() as e: e.submit(c.chat.completions.create, model='x')\n"),
    'asyncio gather': (1, "import asyncio, openai\nc=openai.AsyncOpenAI()\nasync def f(): await asyncio.gather(*[c.chat.completions.create() for _ in 'ab'])\n"),
    'asyncio.to_thread': (1, "import asyncio, openai\nc=openai.OpenAI()\nasync def f(): await asyncio.to_thread(c.embeddings.create, input='x')\n"),
    'instance check narrows': (1, 'import openai\ndef f(x):\n    if isinstance(x, openai.OpenAI):\n        return x.chat.completions.create()\n'),
    'streaming manager': (2, "import openai\nc=openai.OpenAI()\nwith c.beta.chat.completions.stream(model='x') as s:\n    for e in s: print(e)\nwith c.responses.stream(model='x') as s: s.get_final_response()\n"),
    'threads': (4, "import openai\nc=openai.OpenAI()\nt=c.beta.threads.create()\nc.beta.threads.messages.create(thread_id=t.id)\nr=c.beta.threads.runs.create_and_poll(thread_id=t.id)\nc.files.content('x')\n"),
    'uploads etc': (4, "from openai import OpenAI\nOpenAI().batches.create()\nOpenAI().files.create(file=open('x'))\nOpenAI().vector_stores.files.upload_and_poll(vector_store_id='', file='')\nOpenAI().audio.speech.with_streaming_response.create()\n"),
    'cls attr via classmethod': (1, 'import openai\nclass A:\n    _c=None\n    @classmethod\n    def get(cls):\n        if cls._c is None: cls._c=openai.OpenAI()\n        return cls._c\nA.get().chat.completions.create()\n'),
    'singleton __new__': (1, 'import openai\nclass S:\n    _i=None\n    def __new__(cls):\n        if cls._i is None:\n            cls._i=super().__new__(cls); cls._i.client=openai.OpenAI()\n        return cls._i\nS().client.chat.completions.create()\n'),
    'setattr self': (1, "import openai\nclass A:\n    def __init__(self): setattr(self,'c',openai.OpenAI())\n    def f(self): self.c.chat.completions.create()\n"),
    'builder pattern': (1, 'import openai\nclass B:\n    def with_client(self, c): self.c=c; return self\n    def run(self): return self.c.responses.create()\nB().with_client(openai.OpenAI()).run()\n'),
    'match': (1, "import openai\nmatch kind:\n    case 'a': c=openai.OpenAI()\n    case _: c=openai.AzureOpenAI()\nc.chat.completions.create()\n"),
    'try import': (1, 'try:\n    from openai import OpenAI\nexcept ImportError:\n    OpenAI=None\nif OpenAI: OpenAI().chat.completions.create()\n'),
    'subclass init': (1, 'from openai import OpenAI\nclass My(OpenAI):\n    def ask(self): return self.chat.completions.create()\n'),
    'wrapper __getattr__': (1, 'import openai\nclass W:\n    def __init__(self): self._c=openai.OpenAI()\n    def __getattr__(self, n): return getattr(self._c, n)\nW().chat.completions.create()\n'),
    'fastapi depends': (1, 'from fastapi import Depends\nfrom openai import AsyncOpenAI\ndef get_client(): return AsyncOpenAI()\nasync def route(c=Depends(get_client)): await c.chat.completions.create()\n'),
    'annotated depends': (1, 'from typing import Annotated\nfrom fastapi import Depends\nfrom openai import AsyncOpenAI\ndef get_client()->AsyncOpenAI: return AsyncOpenAI()\nasync def route(c: Annotated[AsyncOpenAI, Depends(get_client)]): await c.chat.completions.create()\n'),
    'annotated any depends': (1, 'from typing import Annotated, Any\nfrom fastapi import Depends\nfrom openai import AsyncOpenAI\ndef get_client(): return AsyncOpenAI()\nC=Annotated[Any, Depends(get_client)]\nasync def route(c: C): await c.models.list()\n'),
    'app state': (1, 'import openai\napp.state.openai=openai.AsyncOpenAI()\nasync def f(request): await request.app.state.openai.files.list()\n'),
    'pytest monkeypatch': (0, "import openai\ndef test(monkeypatch):\n    monkeypatch.setattr(openai.ChatCompletion, 'create', fake)\n"),
    'tuple unpack fn': (2, 'import openai\ndef make(): return openai.OpenAI(), openai.AsyncOpenAI()\na,b=make()\na.files.list()\nb.files.list()\n'),
    'nested attr': (1, 'import openai\nclass A: pass\na=A(); a.b=A(); a.b.c=openai.OpenAI()\na.b.c.files.list()\n'),
    'old engine': (5, "import openai\nm=openai.Completion\nm.create(engine='davinci')\nopenai.Engine.list()\nopenai.File.create(file=f,purpose='fine-tune')\nopenai.Image.create_edit()\nopenai.Audio.atranscribe('whisper-1', f)\n"),
    'ternary cls': (1, 'import openai\ndef f(stream, a):\n    cls=openai.ChatCompletion if a else openai.Completion\n    return cls.create()\n'),
    'backoff decorator': (1, 'import backoff, openai\n@backoff.on_exception(backoff.expo, openai.error.RateLimitError)\ndef completions_with_backoff(**kwargs): return openai.Completion.create(**kwargs)\n'),
    'retry wrapper var': (1, "import openai\nfrom tenacity import retry\ncreate=retry(openai.ChatCompletion.create)\ncreate(model='x')\n"),
    'weave op': (1, 'import openai, functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a,**k): return f(*a,**k)\n    return w\n@deco\ndef make(): return openai.OpenAI()\nmake().chat.completions.create()\n'),
    'groq in same file': (1, 'from groq import Groq\nfrom openai import OpenAI\na=Groq(); b=OpenAI()\na.chat.completions.create()\nb.chat.completions.create()\n'),
    'either': (1, 'from groq import Groq\nfrom openai import OpenAI\nc=Groq() if x else OpenAI()\nc.chat.completions.create()\n'),
    'langchain chat': (0, "from langchain_openai import ChatOpenAI, OpenAI\nChatOpenAI(model='gpt-4o').invoke('x')\nOpenAI().invoke('x')\n"),
    'together': (0, 'import together\ntogether.Complete.create()\nc=together.Together(); c.chat.completions.create()\n'),
    'mistral parse': (0, 'from mistralai import Mistral\nMistral().chat.complete(); Mistral().embeddings.create()\n'),
    'httpx': (0, "import httpx\nhttpx.post('https://api.openai.com/v1/chat/completions')\n"),
    'anthropic vertex': (0, 'from anthropic import Anthropic\nAnthropic().messages.create(); Anthropic().completions.create(); Anthropic().beta.messages.batches.create()\n'),
    'stepfun already': (0, 'from stepfun_compat import OpenAI\nOpenAI().chat.completions.create()\n'),
    'aisuite': (0, 'import aisuite as ai\nai.Client().chat.completions.create()\n'),
    'litellm': (0, "import litellm\nlitellm.completion(model='gpt-4o'); litellm.Router().chat.completions.create()\n"),
    'hf': (0, 'from huggingface_hub import InferenceClient\nInferenceClient().chat.completions.create()\n'),
    'django objects': (0, 'from app.models import Completion, Image\nCompletion.objects.create(); Image.create(); Completion.create()\n'),
    'own completion': (0, 'class Completion:\n    @classmethod\n    def create(cls): ...\nCompletion.create()\n'),
    'g4f': (0, "import g4f\ng4f.ChatCompletion.create(model='gpt-4')\n"),
    'xinference RESTful': (0, "from xinference.client import Client\nClient().get_model('x').chat()\n"),
    'vertex in openai file': (0, 'import openai\nfrom vertexai.preview import Client as V\ndef f(): return V().chat.completions.create()\n'),
    'dashscope': (0, 'from dashscope import Generation\nGeneration.call()\n'),
    'ark': (0, 'from volcenginesdkarkruntime import Ark\nArk().chat.completions.create(); Ark().embeddings.create()\n'),
    'cohere v2': (0, 'import cohere\nco=cohere.ClientV2(); co.chat(); co.models.list(); co.batches.create()\n'),
    'cerebras': (0, 'from cerebras.cloud.sdk import Cerebras\nCerebras().chat.completions.create()\n'),
    'portkey': (0, 'from portkey_ai import Portkey\nPortkey().chat.completions.create()\n'),
    'unify': (0, 'from fireworks.client import Fireworks\nFireworks().chat.completions.create()\n'),
    'ollama': (0, 'from ollama import Client\nClient().chat(); Client().chat.completions.create()\n'),
    'unknown vendor with openai word': (0, 'from newvendor import NewVendor\nclient=NewVendor()\nclient.chat.completions.create()\n'),
    'vendor module attr': (0, 'import newvendor\nclient=newvendor.Client()\nclient.chat.completions.create()\n'),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_FILE)
def test_calls_in_one_file_are_found(name: str) -> None:
    number, source = ONE_FILE[name]
    assert len(calls(a=source)) == number, calls(a=source)


SEVERAL: dict[str, tuple[int, dict[str, str]]] = {
    'services': (1, {
        'app____init__': '\n',
        'app__clients': 'from openai import AsyncOpenAI\nclass Clients:\n    def __init__(self, settings):\n        self.llm = AsyncOpenAI(api_key=settings.key)\n        self.db = None\nclients = Clients(None)\n',
        'app__service': 'from .clients import clients\nclass Service:\n    def __init__(self, c=clients): self.c=c\n    async def ask(self): return await self.c.llm.chat.completions.create()\n',
    }),
    'factory dict elsewhere': (1, {
        'f': "import openai\ndef a(): return openai.OpenAI()\ndef b(): return openai.AzureOpenAI()\nF={'a':a,'b':b}\n",
        'm': 'from f import F\nF[x]().responses.create()\n',
    }),
    'registry decorator': (1, {
        'f': "import openai\nR={}\ndef reg(n):\n    def w(c):\n        R[n]=c\n        return c\n    return w\n@reg('x')\nclass A:\n    def __init__(self): self.client=openai.OpenAI()\n    def go(self): self.client.completions.create()\n",
    }),
    'abstract': (1, {
        'base': 'from abc import ABC\nclass LLM(ABC):\n    client=None\n    def chat(self): return self.client.chat.completions.create()\n',
        'oai': 'import openai\nfrom base import LLM\nclass O(LLM):\n    def __init__(self): self.client=openai.OpenAI()\n',
    }),
    'abstract with groq': (1, {
        'base': 'class LLM:\n    def chat(self): return self.client.chat.completions.create()\n',
        'oai': 'import openai\nfrom base import LLM\nclass O(LLM):\n    def __init__(self): self.client=openai.OpenAI()\n',
        'gq': 'from groq import Groq\nfrom base import LLM\nclass G(LLM):\n    def __init__(self): self.client=Groq()\n',
    }),
    'only groq base': (0, {
        'base': 'class LLM:\n    def chat(self): return self.client.chat.completions.create()\n',
        'gq': 'from groq import Groq\nfrom base import LLM\nclass G(LLM):\n    def __init__(self): self.client=Groq()\n',
    }),
    'reexport chain': (1, {
        'a____init__': 'from .b import make\n',
        'a__b': 'from .c import make\n',
        'a__c': 'import openai\ndef make(): return openai.OpenAI()\n',
        'm': "import a\nc=a.make()\nc.moderations.create(input='x')\n",
    }),
    'lazy import fn': (1, {
        'u': 'def _import():\n    import openai\n    return openai\n',
        'm': 'from u import _import\n_import().ChatCompletion.create()\n',
    }),
    'module attr lazily': (1, {
        'u': "import importlib\nclass L:\n    def __init__(self,n): self.n=n; self._m=None\n    def __getattr__(self,k):\n        if self._m is None: self._m=importlib.import_module(self.n)\n        return getattr(self._m,k)\nopenai=L('openai')\n",
        'm': 'from u import openai\nopenai.ChatCompletion.create()\n',
    }),
    'settings obj': (1, {
        's': 'import openai\nclass S:\n    @property\n    def client(self): return openai.OpenAI()\nsettings=S()\n',
        'm': 'from s import settings\ndef f():\n    c=settings.client\n    return c.images.generate()\n',
    }),
    'ctx elsewhere': (1, {
        's': 'import openai\nfrom contextlib import asynccontextmanager\n@asynccontextmanager\nasync def client():\n    c=openai.AsyncOpenAI()\n    try:\n        yield c\n    finally: await c.close()\n',
        'm': 'import s\nasync def f():\n    async with s.client() as c: await c.responses.create()\n',
    }),
    'crew': (2, {
        'm': "import streamlit as st\nfrom openai import OpenAI\nclient=OpenAI(api_key=st.secrets['OPENAI_API_KEY'])\nst.session_state['client']=client\nr=st.session_state['client'].chat.completions.create()\nst.session_state.llm=client\nst.session_state.llm.chat.completions.create()\n",
    }),
    'flask g': (2, {
        'm': "from flask import g\nfrom openai import OpenAI\ndef get():\n    if 'c' not in g: g.c=OpenAI()\n    return g.c\ndef v(): return get().chat.completions.create()\ndef w(): return g.c.chat.completions.create()\n",
    }),
    'functools wraps create': (3, {
        'm': 'import openai\norig=openai.ChatCompletion.create\ndef patched(*a,**k): return orig(*a,**k)\nopenai.ChatCompletion.create=patched\n',
    }),
    'tracked': (1, {
        'm': 'from langsmith.wrappers import wrap_openai\nfrom openai import OpenAI\nc=wrap_openai(OpenAI())\nc.chat.completions.create()\n',
    }),
    'instructor': (2, {
        'm': 'import instructor\nfrom openai import OpenAI\nc=instructor.from_openai(OpenAI())\nc.chat.completions.create(response_model=X)\nd=instructor.patch(OpenAI())\nd.chat.completions.create()\n',
    }),
    'instructor groq': (0, {
        'm': 'import instructor\nfrom groq import Groq\nc=instructor.from_groq(Groq())\nc.chat.completions.create(response_model=X)\n',
    }),
    'instructor anthropic+openai': (0, {
        'm': 'import instructor\nfrom anthropic import Anthropic\nfrom openai import OpenAI\nc=instructor.from_anthropic(Anthropic())\nc.chat.completions.create(response_model=X)\n',
    }),
    'langfuse': (2, {
        'm': 'from langfuse.openai import openai\nopenai.chat.completions.create()\nfrom langfuse.openai import OpenAI\nOpenAI().chat.completions.create()\n',
    }),
    'helper param untyped': (1, {
        'm': "def ask(client, prompt):\n    return client.chat.completions.create(model='gpt-4o')\n",
        'n': "import openai\nfrom m import ask\nask(openai.OpenAI(),'x')\n",
    }),
    'llm client protocol': (0, {
        'm': 'from typing import Protocol\nclass P(Protocol):\n    def create(self): ...\ndef f(p: P): p.create()\n',
    }),
    'zhipu file, shape': (1, {
        'm': 'from zhipuai import ZhipuAI\nimport openai\nclass A:\n    def __init__(self,k):\n        if k: self.client=ZhipuAI()\n        else: self.client=openai.OpenAI()\n    def f(self): return self.client.chat.completions.create()\n',
    }),
    'list_models': (2, {
        'm': "import openai\nprint([x.id for x in openai.models.list()])\nfor m in openai.Model.list()['data']: print(m)\n",
    }),
    'with_options chain': (1, {
        'm': 'import openai\nc=openai.OpenAI()\nc.with_options(max_retries=1).chat.completions.with_raw_response.create().parse()\n',
    }),
    'stream ctx': (2, {
        'm': "import openai\nc=openai.AsyncOpenAI()\nasync def f():\n    async with c.beta.threads.runs.stream(thread_id='') as s:\n        await s.until_done()\n    async with c.realtime.connect(model='x') as conn:\n        await conn.session.update(session={})\n        await conn.response.create()\n",
    }),
    'webhooks': (0, {
        'm': 'import openai\nc=openai.OpenAI()\nc.webhooks.unwrap(b,h)\n',
    }),
    'pages': (2, {
        'm': 'import openai\nc=openai.OpenAI()\np=c.files.list()\np.get_next_page()\nfor j in c.fine_tuning.jobs.list(): pass\nc.close()\n',
    }),
    'resource classes': (2, {
        'm': 'from openai.resources.chat.completions import Completions\nCompletions.create = wrap(Completions.create)\n',
    }),
    'name in self dict': (2, {
        'm': "import openai\nclass A:\n    def __init__(self):\n        self.c={'a':openai.OpenAI()}\n    def f(self,k): return self.c[k].chat.completions.create()\n    def g(self,k): return self.c.get(k).chat.completions.create()\n",
    }),
    'default arg fn': (1, {
        'm': "import openai\ndef f(create=openai.ChatCompletion.create): return create(model='x')\n",
    }),
    'nested fn param method': (1, {
        'm': "import openai\ndef retry(fn,**k): return fn(**k)\nretry(openai.ChatCompletion.create, model='x')\n",
    }),
    'azure env': (1, {
        'm': "from openai import AzureOpenAI\nclient=AzureOpenAI(azure_endpoint='https://x.openai.azure.com')\ndef f():\n    return client.chat.completions.create(model='dep')\n",
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_calls_over_several_files_are_found(name: str) -> None:
    number, files = SEVERAL[name]
    found = [one for one in uses(**files) if one.kind == "api_call"]
    assert len(found) == number, [(one.file, one.line) for one in found]
