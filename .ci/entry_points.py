"""Run unmodified servers, workers and notebooks under `stepfun-compat run --emulate`: each calls the emulator from every
process it starts. Run by `.ci/entry_points`, in the environment that script creates.

    python .ci/entry_points.py            all of them
    python .ci/entry_points.py celery     those whose name starts with the text
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

ASK = """
def ask():
    import os, openai
    client = openai.OpenAI()
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "ping"}])
    stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "ping"}], stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text and answer.choices[0].message.content, "a response has no text"
    return f"{os.getpid()} {type(client).__module__} {answer.model}"
"""
EXPECTED = "stepfun_compat.client step-3.7-flash"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stepfun_compat", "run", "--emulate", *arguments]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def running(
    folder: Path, arguments: list[str], stop: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the background; it must exit cleanly on request."""
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield process
            process.send_signal(stop)
            code = process.wait(timeout=60)
            assert code in (0, -stop), f"ended with {code}"
        except BaseException:
            sys.stdout.write((folder / "log.txt").read_text(errors="replace"))
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def fetch(port: int, process: subprocess.Popen[bytes]) -> str:
    """Get a page of a server that may still be starting."""
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as response:
                return response.read().decode()
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)


def served_by_all(port: int, process: subprocess.Popen[bytes], workers: int) -> None:
    """Send requests until every worker has responded; each must use StepFun."""
    seen: set[str] = set()
    for _ in range(200):
        pid, _, line = fetch(port, process).partition(" ")
        assert line == EXPECTED, line
        seen.add(pid)
        if len(seen) == workers:
            break
    assert len(seen) == workers, f"{len(seen)} of {workers} workers answered"
    assert str(process.pid) not in seen


WSGI = (
    ASK
    + """
def app(environ, start_response):
    body = ask().encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
)
ASGI = (
    ASK
    + """
import asyncio
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = (await asyncio.to_thread(ask)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
"""
)


def gunicorn(folder: Path, *options: str) -> None:
    (folder / "application.py").write_text("import openai\n" + WSGI)
    port = free_port()
    arguments = command("-m", "gunicorn", "application:app", "-w", "2", "-b", f"127.0.0.1:{port}", *options)
    with running(folder, arguments) as process:
        served_by_all(port, process, 2)


def gunicorn_preload(folder: Path) -> None:
    gunicorn(folder, "--preload")


def gunicorn_threads(folder: Path) -> None:
    gunicorn(folder, "-k", "gthread", "--threads", "2", "--max-requests", "3")


def gunicorn_script(folder: Path) -> None:
    """Run gunicorn by the path of its console script, as a shell finds it."""
    (folder / "application.py").write_text(WSGI)
    port = free_port()
    script = str(Path(sys.executable).with_name("gunicorn"))
    with running(folder, command(script, "application:app", "-w", "2", "-b", f"127.0.0.1:{port}")) as process:
        served_by_all(port, process, 2)


def uvicorn_workers(folder: Path) -> None:
    (folder / "application.py").write_text("from openai import OpenAI\n" + ASGI)
    port = free_port()
    arguments = command("-m", "uvicorn", "application:app", "--workers", "2", "--port", str(port))
    with running(folder, arguments) as process:
        served_by_all(port, process, 2)


def uvicorn_reload(folder: Path) -> None:
    (folder / "application.py").write_text(ASGI)
    port = free_port()
    with running(folder, command("-m", "uvicorn", "application:app", "--reload", "--port", str(port))) as process:
        served_by_all(port, process, 1)
        (folder / "application.py").write_text(ASGI.replace('return f"{os', 'return f"again {os'))
        for _ in range(300):
            try:
                if fetch(port, process).startswith("again "):
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise AssertionError("the server did not reload")


CELERY = (
    ASK
    + """
import celery
app = celery.Celery("tasks", broker=BROKER, backend=BACKEND)
app.conf.broker_transport_options = OPTIONS
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_hijack_root_logger = False

@app.task
def task():
    return ask()
"""
)
CALLER = """
import tasks
results = [tasks.task.delay() for _ in range(6)]
lines = [result.get(timeout=120) for result in results]
print(len({each.split(" ", 1)[0] for each in lines}), *{each.split(" ", 1)[1] for each in lines})
"""


def _celery(folder: Path, head: str, pool: str) -> None:
    (folder / "tasks.py").write_text(f"import openai\n{head}\n{CELERY}")
    arguments = command("-m", "celery", "-A", "tasks", "worker", "--pool", pool, "-c", "2", "-l", "warning")
    with running(folder, [*arguments, "--without-gossip", "--without-mingle"]) as process:
        called = subprocess.run(
            [sys.executable, "-c", CALLER], cwd=folder, capture_output=True, text=True, timeout=180, check=False
        )
        assert called.returncode == 0, called.stderr
        processes, _, line = called.stdout.strip().partition(" ")
        assert line == EXPECTED, called.stdout
        assert pool == "threads" or int(processes) <= 2
        assert process.poll() is None


def _files(folder: Path) -> str:
    for name in ("queue", "results", "done", "control"):
        (folder / name).mkdir()
    places = {
        "data_folder_in": "queue",
        "data_folder_out": "queue",
        "processed_folder": "done",
        "control_folder": "control",
    }
    options = {key: str(folder / name) for key, name in places.items()}
    return f"BROKER, BACKEND, OPTIONS = 'filesystem://', 'file://{folder / 'results'}', {options!r}"


def celery_prefork(folder: Path) -> None:
    _celery(folder, _files(folder), "prefork")


def celery_threads(folder: Path) -> None:
    _celery(folder, _files(folder), "threads")


def celery_redis(folder: Path) -> None:
    if shutil.which("redis-server") is None:
        raise NotImplementedError("no redis-server here")
    port = free_port()
    server = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
    with subprocess.Popen(server, cwd=folder, stdout=subprocess.DEVNULL) as redis:
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _celery(folder, f"BROKER = BACKEND = {url!r}; OPTIONS = {{}}", "prefork")
        finally:
            redis.terminate()


NOTEBOOK = """
import sys, nbclient, nbformat
from stepfun_compat.emulator import EmulatorServer
import os
cells = [
    "from openai import OpenAI\\nimport openai, collections\\nbefore = OpenAI",
    *LOAD,
    "client = OpenAI(); print(type(client).__module__, OpenAI is openai.OpenAI)",
    "print(client.chat.completions.create(model='gpt-4o', messages=[{'role': 'user', 'content': 'ping'}]).model)",
    "from openai import AsyncOpenAI\\nanswer = await AsyncOpenAI().chat.completions.create(model='gpt-4o',"
    " messages=[{'role': 'user', 'content': 'ping'}])\\nprint(answer.model)",
    "import subprocess, sys\\n!{sys.executable} -c 'import openai; print(openai.OpenAI.__module__)'",
    *UNLOAD,
    "print(OpenAI is before, AsyncOpenAI is openai.AsyncOpenAI, AsyncOpenAI.__module__)",
]
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
nbclient.NotebookClient(notebook, kernel_name="python3").execute()
text = "".join(output.get("text", "") for cell in notebook.cells for output in cell.outputs)
print(*text.split())
"""


def _notebook(folder: Path, load: bool) -> None:
    parts = NOTEBOOK.replace("*LOAD", '"%load_ext stepfun_compat"' if load else '"pass"')
    (folder / "notebook.py").write_text(parts.replace("*UNLOAD", '"%unload_ext stepfun_compat"' if load else '"pass"'))
    if load:  # plain python starts the kernel; only the extension makes it use StepFun
        serve = (
            "import os, runpy\nfrom stepfun_compat.emulator import EmulatorServer\n"
            "with EmulatorServer() as server:\n"
            "    os.environ.update(STEPFUN_BASE_URL=server.base_url, STEPFUN_API_KEY=server.api_key)\n"
            "    runpy.run_path('notebook.py')\n"
        )
        arguments, expected = [sys.executable, "-c", serve], "openai True True openai"
    else:
        arguments, expected = command("notebook.py"), "stepfun_compat.client True True stepfun_compat.client"
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    seen = f"stepfun_compat.client True step-3.7-flash step-3.7-flash {expected}"
    assert done.stdout.strip() == seen, f"{done.stdout}\n{done.stderr}"


def jupyter_extension(folder: Path) -> None:
    _notebook(folder, True)


def jupyter_kernel_of_a_program(folder: Path) -> None:
    """A program under `run` executes a notebook: the kernel is a child process, and the notebook loads no extension."""
    _notebook(folder, False)


def ipython_shell(folder: Path) -> None:
    (folder / "cells.ipy").write_text(
        "from openai import OpenAI\nfirst = OpenAI\n%load_ext stepfun_compat\nprint(OpenAI.__module__)\n"
        "%unload_ext stepfun_compat\nprint(OpenAI is first)\n"
    )
    arguments = [sys.executable, "-m", "IPython", "--no-banner", "--HistoryManager.enabled=False", "cells.ipy"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["stepfun_compat.client", "True"], done.stdout + done.stderr


def pytest_xdist(folder: Path) -> None:
    (folder / "test_it.py").write_text(
        ASK
        + f'''
import pytest
@pytest.mark.parametrize("n", range(6))
def test_it(n):
    assert ask().split(" ", 1)[1] == "{EXPECTED}"
'''
    )
    arguments = command("-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-W", "error")
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout, done.stdout


CHECKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "gunicorn -w 2": ("gunicorn", gunicorn),
    "gunicorn --preload": ("gunicorn", gunicorn_preload),
    "gunicorn -k gthread": ("gunicorn", gunicorn_threads),
    "gunicorn by its script": ("gunicorn", gunicorn_script),
    "uvicorn --workers 2": ("uvicorn", uvicorn_workers),
    "uvicorn --reload": ("uvicorn", uvicorn_reload),
    "celery prefork": ("celery", celery_prefork),
    "celery threads": ("celery", celery_threads),
    "celery prefork, redis": ("celery", celery_redis),
    "jupyter %load_ext": ("ipykernel", jupyter_extension),
    "jupyter, kernel of a program": ("ipykernel", jupyter_kernel_of_a_program),
    "ipython %load_ext": ("ipython", ipython_shell),
    "pytest -n 2": ("pytest-xdist", pytest_xdist),
}


def main() -> int:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "STEPFUN_", "STEP_", "AZURE_OPENAI_", "PYTEST_")):
            del os.environ[name]
    wanted = tuple(sys.argv[1:]) or ("",)
    failed = 0
    print(f"python {sys.version.split()[0]}, openai {version('openai')}")
    for name, (package, check) in CHECKS.items():
        if not name.startswith(wanted):
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(Path(folder).resolve())
                outcome = "passed"
            except NotImplementedError as missing:
                outcome = f"SKIPPED: {missing}"
            except Exception as error:
                outcome, failed = f"FAILED: {error!r}", failed + 1
        print(f"{name:30} {package} {version(package):10} {time.monotonic() - started:5.1f} s  {outcome}", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
