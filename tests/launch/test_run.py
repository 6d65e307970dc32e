"""`stepfun-compat run` behaves like plain python."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stepfun_compat.launch.run import Options, UsageError, interpreter_options, parse
from tests.support.fork_server import ForkServer
from tests.support.launch import ROOT, plain, run, start

PROGRAMS = {
    "argv": "import sys; print(sys.argv, __name__, __file__, __spec__, sys.path[0])",
    "exit_number": "import sys; sys.exit(7)",
    "exit_text": "import sys; sys.exit('sorry')",
    "exit_nothing": "import sys; sys.exit()",
    "error": "def f():\n    raise ValueError('boom')\nf()",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('two') from e",
    "syntax": "def broken(:\n    pass",
    "stdin": "import sys; print(sys.stdin.read().upper())",
    "at_exit": "import atexit; atexit.register(print, 'bye'); print('hi')",
    "thread": "import threading as t\ne = t.Event()\nt.Thread(target=lambda: (e.wait(), print('thread'))).start()\nprint('main')\ne.set()",
    "excepthook": "import sys; sys.excepthook = lambda t, v, tb: print('mine', t.__name__)\nraise KeyError('x')",
    "main_globals": "print(sorted(k for k in globals() if not k.startswith('__')))",
    "future": "print(type((lambda x: x).__annotations__))\ndef f(a: unknown_name_is_an_error = 1): pass",
    "pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
    "interrupt": "raise KeyboardInterrupt",
    "names": "print(sorted((k, type(v).__name__) for k, v in globals().items()))",
    "hook_fails": "import sys\ndef hook(*a): raise KeyError(1)\nsys.excepthook = hook\n1 / 0",
    "hook_exits": "import sys\nsys.excepthook = lambda *a: sys.exit(5)\n1 / 0",
    "exit_group": "raise SystemExit((1, 2))",
    "warning": "import warnings; warnings.warn('careful')",
    "asyncio": "import asyncio\nasync def f(): raise OSError('x')\nasyncio.run(f())",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_behaves_as_under_plain_python(name: str, forks: ForkServer, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[name], encoding="utf-8")
    arguments = [str(program), "--flag", "-m", "word"]
    expected = plain(arguments, tmp_path, stdin="text")
    seen = forks.run("stepfun_compat", tmp_path, "run", *arguments, stdin="text")
    assert seen.stdout == expected.stdout
    assert seen.stderr == expected.stderr
    assert seen.returncode == expected.returncode


@pytest.mark.parametrize("name", ["argv", "error", "names"])
def test_relative_path_is_shown_as_under_python(name: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAMS[name], encoding="utf-8")
    expected, seen = plain(["program.py"], tmp_path), run(["program.py"], tmp_path)
    assert (seen.stdout, seen.stderr, seen.returncode) == (expected.stdout, expected.stderr, expected.returncode)


@pytest.mark.parametrize("name", ["error", "chained", "syntax", "names", "hook_fails"])
def test_code_and_stdin_behave_as_under_python(name: str, forks: ForkServer, tmp_path: Path) -> None:
    for arguments, stdin in ((["-c", PROGRAMS[name]], ""), (["-"], PROGRAMS[name])):
        expected = plain(arguments, tmp_path, stdin=stdin)
        seen = forks.run("stepfun_compat", tmp_path, "run", *arguments, stdin=stdin)
        assert (seen.stdout, seen.stderr, seen.returncode) == (expected.stdout, expected.stderr, expected.returncode)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="python 3.10 has no -P")
def test_safe_path_is_respected(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys; print(sys.path[:2])", encoding="utf-8")
    for arguments in (["program.py"], ["-c", "import sys; print(sys.path[:2])"]):
        expected = plain(arguments, tmp_path, PYTHONSAFEPATH="1")
        assert run(arguments, tmp_path, PYTHONSAFEPATH="1").stdout == expected.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_program_as_under_python(number: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import signal\nprint('ready', flush=True)\nwhile True: signal.pause()", encoding="utf-8")
    ends: list[tuple[int, str]] = []
    for before in ([], ["-m", "stepfun_compat", "run"]):
        with subprocess.Popen(
            [sys.executable, *before, str(program)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            ends.append((process.wait(timeout=60), process.stderr.read()))
    assert [code for code, _ in ends] == [-number] * 2
    last = [stderr.splitlines()[-1:] for _, stderr in ends]  # the interrupted line varies
    assert last == [["KeyboardInterrupt"] if number == signal.SIGINT else []] * 2
    assert "stepfun_compat" not in ends[1][1]


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently on Windows")
def test_broken_pipe_ends_as_under_python(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys\nsys.stdin.read()\nprint('to nobody')", encoding="utf-8")
    ends: list[tuple[int, bool]] = []
    for before in ([], ["-m", "stepfun_compat", "run"]):
        with subprocess.Popen(
            [sys.executable, *before, str(program)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdout.close()
            process.stdin.close()
            ends.append((process.wait(timeout=60), "BrokenPipeError" in process.stderr.read()))
    assert ends == [(120, True)] * 2


def test_interrupt_ends_with_its_signal(tmp_path: Path) -> None:
    assert run(["-c", "raise KeyboardInterrupt"], tmp_path).returncode == -signal.SIGINT


def test_code_stdin_and_missing_file(forks: ForkServer, tmp_path: Path) -> None:
    for arguments, stdin in (
        (["-c", "import sys; print(sys.argv, repr(sys.path[0]))", "a"], ""),
        (["-", "a"], "import sys; print(sys.argv)"),
    ):
        expected = plain(arguments, tmp_path, stdin=stdin)
        seen = forks.run("stepfun_compat", tmp_path, "run", *arguments, stdin=stdin)
        assert (seen.stdout, seen.returncode) == (expected.stdout, expected.returncode)
    expected, seen = plain(["nothing.py"], tmp_path), run(["nothing.py"], tmp_path)
    assert (seen.stderr, seen.returncode) == (expected.stderr, expected.returncode)


def test_modules_packages_folders_and_zips_run(forks: ForkServer, tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "__main__.py").write_text("import sys; print(sys.argv[1:], __name__, __package__)", encoding="utf-8")
    (package / "tool.py").write_text("import sys; print(sys.argv[1:], __name__, __spec__.name)", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv[1:], __name__)")
    for arguments in (["-m", "pack", "a"], ["-m", "pack.tool", "a"], ["pack", "a"], ["app.pyz", "a"]):
        expected, seen = plain(arguments, tmp_path), forks.run("stepfun_compat", tmp_path, "run", *arguments)
        assert seen.stdout == expected.stdout, seen.stderr
        assert seen.returncode == expected.returncode == 0


ASK = "import openai; c = openai.OpenAI(); print(type(c).__module__, str(c.base_url))"


def test_openai_names_are_rebound_in_the_program_and_its_children(tmp_path: Path) -> None:
    children = f"import subprocess, sys\n{ASK}\nsys.stdout.flush()\nsubprocess.run([sys.executable, '-c', {ASK!r}])"
    seen = run(["-c", children], tmp_path)
    assert seen.stdout.split("\n")[:2] == ["stepfun_compat.client https://api.stepfun.ai/v1/"] * 2, seen.stderr
    alone = run(["--no-children", "-c", children], tmp_path, OPENAI_BASE_URL="https://api.openai.com/v1")
    assert alone.stdout.split("\n")[0].startswith("stepfun_compat.client")
    assert alone.stdout.split("\n")[1].startswith("openai")


def test_children_keep_their_sitecustomize(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['THEIRS'] = 'ran'", encoding="utf-8")
    code = "import os, sys, sitecustomize; print(os.environ.get('THEIRS'), sitecustomize.__file__)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    seen = run(["-c", child], tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert seen.stdout.startswith("ran "), seen.stderr
    assert str(tmp_path) in seen.stdout


def test_children_of_a_checkout_find_the_package(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ASK!r}], cwd={str(tmp_path)!r})"
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    seen = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", "run", "-c", child],
        cwd=ROOT,
        env={**kept, "STEPFUN_API_KEY": "run-key"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert seen.stdout.startswith("stepfun_compat.client "), seen.stderr
    assert seen.stderr == ""


def test_program_starts_before_openai_http_and_tls_are_imported(tmp_path: Path) -> None:
    code = (
        "import sys; print([name for name in ('openai', 'pydantic', 'httpx', 'httpx2', 'ssl') if name in sys.modules])"
    )
    assert run(["-c", code], tmp_path).stdout == "[]\n"


def test_variables_set_before_importing_openai_take_effect(tmp_path: Path) -> None:
    code = (
        "import os; os.environ['OPENAI_LOG'] = 'debug'; import logging, openai\n"
        "print(logging.getLogger('openai').level == logging.DEBUG, type(openai.OpenAI()).__module__)"
    )
    assert run(["-c", code], tmp_path).stdout == "True stepfun_compat.client\n"


def test_names_are_rebound_if_openai_is_imported_before_run(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import openai", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    code = "import sys; print('openai' in sys.modules); import openai; print(openai.OpenAI.__module__)"
    seen = run(["-c", code], tmp_path, PYTHONPATH=path)
    assert seen.stdout.split() == ["True", "stepfun_compat.client"], seen.stderr


@pytest.mark.parametrize(
    "first",
    ["from stepfun_compat import AsyncOpenAI", "import stepfun_compat.errors", "import stepfun_compat.launch.patching"],
)
@pytest.mark.parametrize("child", [False, True])
def test_names_are_rebound_whichever_module_imports_openai_first(first: str, child: bool, tmp_path: Path) -> None:
    code = f"{first}; import openai, stepfun_compat; print(openai.AsyncOpenAI is stepfun_compat.AsyncOpenAI)"
    if child:
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    seen = run(["-W", "error", "-c", code], tmp_path)
    assert (seen.stdout, seen.stderr) == ("True\n", "")


def test_program_may_have_its_own_module_called_openai(tmp_path: Path) -> None:
    (tmp_path / "openai.py").write_text("OpenAI = 'a file of the same name'", encoding="utf-8")
    (tmp_path / "program.py").write_text("import openai; print(openai.OpenAI)", encoding="utf-8")
    seen = run(["program.py"], tmp_path)
    assert seen.stdout == "a file of the same name\n"
    assert "openai is not changed" in seen.stderr


def test_child_that_cannot_be_patched_reports_it_and_continues(tmp_path: Path) -> None:
    (tmp_path / "openai.py").write_text("OpenAI = 'a file of the same name'", encoding="utf-8")
    code = "import sys, openai; print(openai.OpenAI)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], cwd={str(tmp_path)!r})"
    seen = run(["-c", child], ROOT)
    assert seen.stdout == "a file of the same name\n"
    assert "openai is not changed in child process" in seen.stderr


def test_spawned_children_import_the_main_module(tmp_path: Path) -> None:
    (tmp_path / "pool_module.py").write_text(
        "import multiprocessing as m\n"
        "def work(n):\n"
        "    import openai\n"
        "    return n * 2, type(openai.OpenAI()).__module__\n"
        "if __name__ == '__main__':\n"
        "    with m.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(work, [1, 2]))\n",
        encoding="utf-8",
    )
    seen = run(["-m", "pool_module"], tmp_path)
    assert seen.stdout.strip() == "[(2, 'stepfun_compat.client'), (4, 'stepfun_compat.client')]", seen.stderr


LEGACY = """
import sys, types
legacy = types.ModuleType("stepfun_compat.legacy")
def submodules():
    root, error = types.ModuleType("openai"), types.ModuleType("openai.error")
    root.ChatCompletion, root.error, error.RateLimitError = "old", error, "old error"
    return {"openai": root, "openai.error": error}
legacy.submodules = submodules
sys.modules["stepfun_compat.legacy"] = legacy
"""


def test_legacy_replaces_openai_in_the_program_and_its_children(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LEGACY, encoding="utf-8")
    asks = (
        "import openai.error, openai, stepfun_compat\n"
        "from openai.error import RateLimitError\n"
        "print(openai.ChatCompletion, RateLimitError, hasattr(openai, 'OpenAI'))\n"
        "client = stepfun_compat.OpenAI()\n"
        "print(type(client.images).__module__, client.with_options(timeout=1).timeout)\n"
        "from openai import lib\n"
        "import openai.types.chat, openai.lib.streaming\n"
        "print(openai.lib is lib, openai.lib.streaming.__name__)\n"
    )
    both = f"{asks}\nimport subprocess, sys\nsys.stdout.flush()\nsubprocess.run([sys.executable, '-c', {asks!r}])"
    seen = run(["--legacy", "-c", both], tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert seen.stdout == "old old error False\nopenai.resources.images 1\nTrue openai.lib.streaming\n" * 2, seen.stderr
    assert seen.stderr == ""


PROCESSES = """
import asyncio, concurrent.futures as futures, multiprocessing, os, subprocess, sys, threading

CODE = "import openai; print(type(openai.OpenAI()).__module__)"

def kind(_=0):
    import openai
    return type(openai.OpenAI()).__module__

async def child():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CODE, stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()

if __name__ == "__main__":
    method = sys.argv[1]
    if method == "threads":
        with futures.ThreadPoolExecutor(2) as pool:
            print(*set(pool.map(kind, range(4))))
        print(asyncio.run(child()))
        print(asyncio.run(asyncio.to_thread(kind)))
        print(subprocess.run([sys.executable, "-O", "-u", "-c", CODE], capture_output=True, text=True).stdout.strip())
        print(subprocess.run(f"'{sys.executable}' -c '{CODE}'", shell=True, capture_output=True, text=True).stdout.strip())
        sys.stdout.flush()
        if os.fork() == 0:
            print(kind(), flush=True)
            os._exit(0)
        os.wait()
        os.execv(sys.executable, [sys.executable, "-c", CODE])
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        print(*set(pool.map(kind, range(2))))
    with futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        print(*set(pool.map(kind, range(2))))
"""


def test_legacy_reports_the_version_of_that_release(tmp_path: Path) -> None:
    asks = (
        "from importlib.metadata import metadata, version, files, PackageNotFoundError\n"
        "import openai\n"
        "print(openai.__version__, openai.VERSION, version('openai'), version('OpenAI'), metadata('openai')['Version'])\n"
        "print(bool(files('openai')), version('pydantic').split('.')[0], openai.ChatCompletion.__name__)\n"
        "try: version('no-such-package')\n"
        "except PackageNotFoundError: print('none')\n"
    )
    both = f"{asks}\nimport subprocess, sys\nsys.stdout.flush()\nsubprocess.run([sys.executable, '-c', {asks!r}])"
    seen = run(["--legacy", "-c", both], tmp_path)
    assert seen.stdout == f"{' '.join(['0.28.1'] * 5)}\nTrue 2 ChatCompletion\nnone\n" * 2, seen.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="uses POSIX process creation")
@pytest.mark.parametrize(("method", "times"), [("threads", 7), ("forkserver", 2)])
def test_names_are_rebound_in_every_kind_of_process(method: str, times: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROCESSES, encoding="utf-8")
    seen = run(["program.py", method], tmp_path)
    assert seen.stdout.split() == ["stepfun_compat.client"] * times, seen.stderr


FLAGS = "import sys, warnings; print(sys.flags, sys.warnoptions, sys._xoptions, warnings.filters[:1], __debug__)"


@pytest.mark.parametrize(
    "options", [["-O"], ["-W", "error"], ["-X", "dev"], ["-Xutf8", "-bu", "-Wignore::UserWarning"]]
)
def test_interpreter_options_are_passed_on(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FLAGS, encoding="utf-8")
    expected = plain([*options, "program.py", "-O"], tmp_path)
    for seen in (
        run([*options, "program.py", "-O"], tmp_path),
        start([*options, "-m", "stepfun_compat", "run", "program.py", "-O"], tmp_path),
    ):
        assert (seen.stdout, seen.stderr, seen.returncode) == (expected.stdout, expected.stderr, expected.returncode)


def test_interpreter_options_may_be_mixed_with_ours(tmp_path: Path) -> None:
    code = "import os, sys, openai; print(sys.flags.optimize, os.environ['STEPFUN_MODEL'], sys.argv)"
    seen = run(["--model", "step-5-preview", "-O", "-c", code, "-W"], tmp_path)
    assert seen.stdout == "1 step-5-preview ['-c', '-W']\n", seen.stderr
    assert interpreter_options(["--model", "-x", "-W", "error", "-Xdev", "-O", "-", "-O"]) == (
        ["-W", "error", "-Xdev", "-O"],
        ["--model", "-x", "-", "-O"],
    )
    assert interpreter_options(["-Oc", "code"]) == ([], ["-Oc", "code"])
    assert interpreter_options(["p.py", "-O"]) == ([], ["p.py", "-O"])
    assert interpreter_options(["-h"]) == ([], ["-h"])


@pytest.mark.parametrize("code", ["x = 4", "x = 4\nraise SystemExit(3)", "x = 4\n1 / 0"])
def test_option_i_continues_with_the_prompt(code: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(code, encoding="utf-8")
    typed = "print(x, __name__)\n"
    expected, seen = (
        plain(["-i", "program.py"], tmp_path, stdin=typed),
        run(["-i", "program.py"], tmp_path, stdin=typed),
    )
    assert "4 __main__" in seen.stdout
    assert (seen.stdout, seen.stderr, seen.returncode) == (expected.stdout, expected.stderr, expected.returncode)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_multiprocessing_children_are_patched(method: str, tmp_path: Path) -> None:
    if method == "fork" and sys.platform == "darwin":
        pytest.skip("fork is not safe on this system")
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing as m\n"
        "def work(q):\n"
        "    import openai\n"
        "    q.put(type(openai.OpenAI()).__module__)\n"
        "if __name__ == '__main__':\n"
        f"    c = m.get_context({method!r})\n"
        "    q = c.Queue()\n"
        "    p = c.Process(target=work, args=(q,))\n"
        "    p.start()\n"
        "    print(q.get(timeout=40))\n"
        "    p.join()\n",
        encoding="utf-8",
    )
    seen = run([str(program)], tmp_path)
    assert seen.stdout.strip() == "stepfun_compat.client", seen.stderr


def test_suite_runs_under_pytest_with_warnings_as_errors(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "import warnings, openai, pytest\n"
        "def test_ours():\n"
        "    assert type(openai.OpenAI()).__module__ == 'stepfun_compat.client'\n"
        "    with pytest.raises(UserWarning):\n"
        "        warnings.warn('still an error')\n",
        encoding="utf-8",
    )
    for more in ([], ["-W", "error"]):
        seen = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *more], tmp_path)
        assert seen.returncode == 0, seen.stdout + seen.stderr
        assert "1 passed" in seen.stdout


ALTERED = """
import openai
client = openai.OpenAI()
say = [{"role": "user", "content": "Say hello."}]
print(client.chat.completions.create(model="gpt-4o", messages=say, seed=1, user="u").choices[0].finish_reason)
for chunk in client.chat.completions.create(model="gpt-4o", messages=say, seed=1, logit_bias={"1": 2}, stream=True):
    last = chunk.choices[0].finish_reason if chunk.choices else last
print(last)
print(client.responses.create(model="gpt-4o", input="Say hello.", user="u", truncation="auto").status)
"""


def test_changed_requests_break_no_program_under_w_error(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    (tmp_path / "program.py").write_text(ALTERED, encoding="utf-8")
    seen = run(["--emulate", "-W", "error", "program.py"], tmp_path)
    assert seen.stdout.split()[-3:] == ["stop", "stop", "completed"], seen.stderr
    assert "seed" in seen.stderr  # the change is visible without configuration


def test_placeholder_key_is_set_for_frameworks_and_never_sent(tmp_path: Path) -> None:
    code = "import os, openai; print(os.environ['OPENAI_API_KEY']); print(openai.OpenAI(api_key=os.environ['OPENAI_API_KEY']).api_key)"
    assert run(["-c", code], tmp_path).stdout.split() == ["stepfun-compat-placeholder", "run-key"]


LOADS_DOTENV = """
import os, pathlib
here = pathlib.Path(__file__).parent
place = next(folder for folder in (here, *here.parents) if (folder / ".env").exists())
for line in (place / ".env").read_text().splitlines():
    name, _, value = line.removeprefix("export ").partition("=")
    os.environ.setdefault(name.strip(), value.strip())
import openai
client = openai.OpenAI()
print(os.environ["OPENAI_API_KEY"], client.base_url, client.api_key)
"""


@pytest.mark.parametrize("line", ["OPENAI_API_KEY=key-of-the-file", "export OPENAI_API_KEY = key-of-the-file"])
@pytest.mark.parametrize("folder", [".", "package"])
def test_key_in_the_programs_env_file_is_loaded(tmp_path: Path, folder: str, line: str) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_BASE_URL=https://api.stepfun.ai/v1\n{line}\n", encoding="utf-8")
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "program.py").write_text(LOADS_DOTENV, encoding="utf-8")
    seen = run([f"{folder}/program.py"], tmp_path, STEPFUN_API_KEY="")
    assert seen.stdout.split() == ["key-of-the-file", "https://api.stepfun.ai/v1/", "key-of-the-file"], seen.stderr


def test_key_in_an_env_file_is_not_needed_beside_stepfuns(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-proj-openais\n", encoding="utf-8")
    (tmp_path / "program.py").write_text(LOADS_DOTENV, encoding="utf-8")
    seen = run(["program.py"], tmp_path)
    assert seen.stdout.split() == ["stepfun-compat-placeholder", "https://api.stepfun.ai/v1/", "run-key"], seen.stderr


@pytest.mark.parametrize(
    "text", ["OPENAI_API_KEY=\n", "# OPENAI_API_KEY=x\n", "MY_OPENAI_API_KEY=x\n", "OPENAI_API_KEY= # none\n"]
)
def test_env_file_without_a_key_leaves_the_placeholder(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    code = "import os; print(os.environ['OPENAI_API_KEY'])"
    assert run(["-c", code], tmp_path, STEPFUN_API_KEY="").stdout.strip() == "stepfun-compat-placeholder"


def test_program_interpreter_has_no_cli_modules(tmp_path: Path) -> None:
    names = "('typer', 'rich', 'click', 'starlette', 'uvicorn')"
    code = f"import openai, sys; print([m for m in {names} if m in sys.modules])"
    assert run(["-c", code], tmp_path).stdout == plain(["-c", code], tmp_path).stdout


def test_emulate_needs_no_key(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    seen = run(["--emulate", str(ROOT / "examples" / "chat.py")], tmp_path, PYTHONWARNINGS="error")
    assert "Say this is a test." in seen.stdout, seen.stderr
    assert seen.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_emulator_is_no_child_process_and_ends_with_the_program(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, openai\n"
        "ask = lambda: openai.OpenAI().models.list().data[0].object\n"
        "print(os.environ['STEPFUN_BASE_URL'], ask(), flush=True)\n"
        "try:\n"
        "    os.wait()\n"
        "except ChildProcessError:\n"
        "    print('no children', flush=True)\n"
        "if os.fork() == 0:\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(ask(), flush=True)\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'import openai; print(openai.OpenAI().models.list().data[0].object)'])",
        encoding="utf-8",
    )
    seen = run(["--emulate", str(program)], tmp_path)  # returns when no process holds the program's stderr
    url, *rest = seen.stdout.split()
    assert rest == ["model", "no", "children", "model", "model"], seen.stderr
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=10):
        pass


def test_running_emulator_is_used(tmp_path: Path) -> None:
    code = "import os, openai; c = openai.OpenAI(); print(c.base_url, c.api_key)"
    seen = run(["--emulate", "-c", code], tmp_path, STEPFUN_EMULATOR_URL="http://127.0.0.1:9/v1")
    assert seen.stdout == "http://127.0.0.1:9/v1/ emulator-key\n", seen.stderr


def test_options_come_before_the_program() -> None:
    assert parse(["--emulate", "--model", "step-5-preview", "p.py", "--emulate"]) == Options(
        "path", "p.py", ("--emulate",), emulate=True, model="step-5-preview"
    )
    assert parse(["--no-children", "-m", "pkg", "-c"]) == Options("module", "pkg", ("-c",), children=False)
    for wrong in ([], ["--what", "p.py"], ["-m"], ["--model"]):
        with pytest.raises(UsageError):
            parse(wrong)


def test_usage_and_help_are_printed(tmp_path: Path) -> None:
    assert run([], tmp_path).returncode == 2
    seen = run(["--help"], tmp_path)
    assert seen.returncode == 0
    assert "examples:" in seen.stdout


def test_invalid_setting_is_reported_before_the_program_starts(tmp_path: Path) -> None:
    seen = run(["-c", "import openai; openai.OpenAI()"], tmp_path, STEPFUN_REGION="mars")
    assert seen.returncode != 0
    assert "STEPFUN_REGION='mars'" in seen.stderr
