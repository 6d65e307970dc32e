"""`serve`: OpenAI's and Anthropic's APIs in front of StepFun."""

from __future__ import annotations

from dataclasses import replace

import typer

_MEGABYTE = 1024 * 1024


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on; any other than loopback needs a token."),
    port: int = typer.Option(8317, min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    emulate: bool = typer.Option(False, "--emulate", help="Use the emulator in place of StepFun; needs no key."),
    no_token: bool = typer.Option(False, "--no-token", help="Accept requests without a token; on loopback only."),
    allow_origin: list[str] = typer.Option([], help="Origin that may call from a browser; repeatable."),
    allow_host: list[str] = typer.Option([], help="Host name of this server besides localhost; repeatable."),
    max_body: float = typer.Option(64, min=0.001, help="Largest request body, in MB."),
    request_timeout: float = typer.Option(
        900, min=1, help="Time limit for a request in seconds, including its stream."
    ),
    max_concurrency: int | None = typer.Option(
        None, min=1, help="Maximum number of concurrent requests to StepFun; unlimited by default."
    ),
    tier: str | None = typer.Option(
        None, help="Take the limit of concurrent requests from a rate tier: V0 to V5, or step_plan."
    ),
    max_queue: int = typer.Option(128, min=0, help="Maximum number of queued requests."),
    grace: float = typer.Option(30, min=0, help="Seconds that open streams have to finish when the server stops."),
    workers: int = typer.Option(
        1, min=1, help="Number of processes; more than one needs STEPFUN_STATE=sqlite:// or redis://."
    ),
    metrics: bool = typer.Option(False, "--metrics", help="Serve Prometheus metrics at /metrics."),
    log_level: str = typer.Option("info", help="Log level: debug, info, warning or error."),
    print_config: str | None = typer.Option(None, help="Print the configuration for a tool and exit."),
) -> None:
    """Serve OpenAI's and Anthropic's APIs in front of StepFun, for programs in any language.

    Examples:

        stepfun-compat serve --emulate

        stepfun-compat serve --print-config codex

        STEPFUN_SERVE_TOKEN=... stepfun-compat serve --host 0.0.0.0 --tier V1
    """
    if print_config is not None:
        _print(print_config, host, port)
        return
    try:
        from ..serve.launch import Launch, LaunchError, run
        from ..serve.options import ServeOptions
    except ImportError as error:
        typer.echo(f"stepfun-compat: serve needs {error.name}: pip install 'stepfun-compat[serve]'", err=True)
        raise typer.Exit(2) from None
    if log_level.lower() not in ("debug", "info", "warning", "error"):
        raise typer.BadParameter("--log-level must be debug, info, warning or error")
    try:
        options = replace(
            ServeOptions.from_environment(),
            allowed_hosts=tuple(allow_host),
            allowed_origins=tuple(allow_origin),
            max_body=int(max_body * _MEGABYTE),
            request_timeout=request_timeout,
            max_concurrency=max_concurrency,
            max_queue=max_queue,
            metrics=metrics,
        )
        run(Launch(host, port, workers, grace, no_token, tier, emulate, log_level, options), typer.echo)
    except (LaunchError, ValueError) as error:
        typer.echo(f"stepfun-compat: {error}", err=True)
        raise typer.Exit(2) from None
    except ImportError as error:
        typer.echo(f"stepfun-compat: serve needs {error.name}: pip install 'stepfun-compat[serve]'", err=True)
        raise typer.Exit(2) from None


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def _print(tool: str, host: str, port: int) -> None:
    from ..serve.tools_config import TOOLS, lines_for

    if tool not in TOOLS:
        raise typer.BadParameter(f"--print-config must be one of {', '.join(TOOLS)}")
    typer.echo(lines_for(tool, host, port), nl=False)
