"""Fork `stepfun-compat` commands from a process that has imported everything, so that a worker starts in milliseconds.
Reads lines of JSON, each a command and its environment, and prints the id of the process that runs it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys

from stepfun_compat import OpenAI, cli

for name in ("batches.runner", "batches.estimate", "batches.sending", "prices", "stock", "_client.batch_operations"):
    importlib.import_module(f"stepfun_compat.{name}")  # modules the commands import lazily
with OpenAI(api_key="k", base_url="http://localhost:1/v1") as client:
    client.stepfun.explain("chat.completions", model="gpt-4o", messages=[{"role": "user", "content": "x"}])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # reap exited children automatically
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
