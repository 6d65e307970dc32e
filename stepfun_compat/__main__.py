"""`python -m stepfun_compat` and `stepfun-compat`: the same program."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. `run` is handled before anything else is imported."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] == "run":
        from .launch.run import main as run

        return run(arguments[1:])
    try:
        from .cli import main as commands
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("typer", "rich", "click"):
            raise
        sys.stderr.write(f"stepfun-compat: this command needs {missing}: pip install 'stepfun-compat[cli]'\n")
        return 2
    return commands(arguments)


if __name__ == "__main__":
    _code = main()
    if not sys.flags.inspect:  # with -i the interpreter continues at its prompt
        sys.exit(_code)
