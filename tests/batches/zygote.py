"""Forks `stepfun-compat` commands off a process that has imported everything: a worker to be killed starts in
milliseconds. Reads lines of JSON, a command and its environment, and prints the id of the process that runs it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys

from stepfun_compat import OpenAI, cli

for name in ("batches.desk", "batches.estimate", "batches.sending", "prices", "stock", "_client.batch_operations"):
    importlib.import_module(f"stepfun_compat.{name}")  # what the commands import when they run
with OpenAI(api_key="k", base_url="http://localhost:1/v1") as client:
    client.stepfun.explain("chat.completions", model="gpt-4o", messages=[{"role": "user", "content": "x"}])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's to wait for
for request in sys.stdin:
    command, environment = json.loads(request)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environment)
        os._exit(cli.main(command))
    sys.stdout.write(f"{child}\n")
    sys.stdout.flush()
