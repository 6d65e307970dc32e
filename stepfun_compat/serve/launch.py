"""`stepfun-compat serve`: check the options, then serve in one or several processes."""

from __future__ import annotations

import gc
import logging
import os
import secrets
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from ..account import platform_of
from ..catalog.tiers import tier as tier_row
from ..catalog.tiers import tiers_for
from ..credentials.target import resolve_target
from ..settings import Settings
from ..signals import ended_by_signals
from ..state import in_this_process
from .access import is_loopback
from .options import TOKEN_VARIABLE, ServeOptions

DEFAULT_PORT: Final = 8317
_COLLECT_AFTER: Final = 10_000
"""New objects between two garbage collections. Nearly all of a request's are freed without one."""


class LaunchError(Exception):
    """An error that prevents the start of the server, with the reason and the fix."""


@dataclass(frozen=True)
class Launch:
    """The command-line options."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    workers: int = 1
    grace: float = 30.0
    no_token: bool = False
    tier: str | None = None
    emulate: bool = False
    log_level: str = "info"
    options: ServeOptions = field(default_factory=ServeOptions.from_environment)


def run(launch: Launch, announce: Callable[[str], None]) -> None:
    """Serve until a signal stops the server. `announce` gets the lines for the terminal.

    Raises:
        LaunchError: the options are unsafe or impossible.
        SettingsError: a setting has a value that is not allowed.
        KeyRefusedError: no StepFun key is configured.
    """
    start_logging(launch.log_level)
    with ended_by_signals(), _emulated(launch.emulate, announce):
        settings = Settings()
        options = _options(launch, settings, announce)
        _check_workers(launch, settings)
        with _listener(launch.host, launch.port) as listener:
            announce(
                f"listening on {_url(launch.host, listener.getsockname()[1])} (OpenAI: /v1, Anthropic: /v1/messages)"
            )
            if launch.workers > 1:
                from .workers import run_workers

                run_workers(launch, options, listener)
            else:
                run_one(launch, options, settings, listener)


def start_logging(level: str) -> None:
    """Log one line for each request to the terminal; `debug` adds what the client changed.

    No level shows what callers wrote: the DEBUG lines of the client and of libraries, which have request bodies, stay off.
    """
    quiet = logging.ERROR if level.lower() == "error" else logging.WARNING
    logging.basicConfig(level=quiet, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("stepfun_compat").setLevel(logging.INFO if level.lower() == "debug" else quiet)
    logging.getLogger("stepfun_compat.serve").setLevel(logging.INFO if level.lower() in ("debug", "info") else quiet)


def _options(launch: Launch, settings: Settings, announce: Callable[[str], None]) -> ServeOptions:
    """Complete the options with a token and the limit of the tier."""
    options = launch.options
    if launch.no_token:
        if not is_loopback(launch.host):
            raise LaunchError(
                f"--no-token with --host {launch.host} lets anyone who can reach it spend your StepFun credit: "
                f"set {TOKEN_VARIABLE}, or listen on 127.0.0.1."
            )
        options = replace(options, tokens=())
    elif not options.tokens:
        if not is_loopback(launch.host):
            raise LaunchError(
                f"--host {launch.host} needs a token: set {TOKEN_VARIABLE} to one of 8 or more characters."
            )
        token = secrets.token_urlsafe(24)
        options = replace(options, tokens=(token,))
        announce(f"token for this run: {token}  ({TOKEN_VARIABLE} sets your own, --no-token turns it off)")
    if launch.tier is not None and options.max_concurrency is None:
        options = replace(options, max_concurrency=_concurrency(launch.tier, settings))
    if launch.host not in ("0.0.0.0", "::") and not is_loopback(launch.host):
        options = replace(options, allowed_hosts=(*options.allowed_hosts, launch.host))
    return options


def _concurrency(name: str, settings: Settings) -> int | None:
    target = resolve_target(None, settings, explicit_settings=True, api_key=None)
    region, _ = platform_of(settings, target.base_url)
    row = tier_row(region, name)
    if row is None:
        known = [row.name for plan in ("standard", "step_plan") for row in tiers_for(region, plan)]
        raise LaunchError(f"--tier {name} is not a tier of {region}: it must be one of {', '.join(known)}.")
    return row.concurrency


def _check_workers(launch: Launch, settings: Settings) -> None:
    if launch.workers < 1:
        raise LaunchError("--workers must be 1 or more.")
    if launch.workers > 1 and in_this_process(settings.state):
        raise LaunchError(
            f"--workers {launch.workers} needs a shared store: with STEPFUN_STATE={settings.state} a stored response "
            "exists only in the worker that created it. Set STEPFUN_STATE to sqlite:///path or redis://host:6379/0."
        )


def run_one(launch: Launch, options: ServeOptions, settings: Settings, listener: socket.socket) -> None:
    """Serve in this process until a signal stops it."""
    from . import app
    from .protocol import Server, config

    _allow_open_files()
    served = app(settings, options)
    made = config(served, launch.host, launch.port, launch.grace, log_level="warning")
    with ended_by_signals(), rare_collections():
        Server(made, served).run(sockets=[listener])


@contextmanager
def rare_collections() -> Generator[None, None, None]:
    """Collect garbage less often, and without searching the modules and the catalog: they stay until the end."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _allow_open_files() -> None:
    """Raise the limit of open files to the hard limit: each stream uses two, and the usual limit is 1,024."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _emulated(wanted: bool, announce: Callable[[str], None]) -> Generator[None, None, None]:
    """Run an emulator for as long as the server, and set the environment of this process and its workers to use it."""
    if not wanted:
        yield
        return
    from ..emulator import EmulatorServer

    with EmulatorServer() as emulator:
        own = {"STEPFUN_BASE_URL": emulator.base_url, "STEPFUN_API_KEY": emulator.api_key}
        before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        announce(f"StepFun is emulated at {emulator.base_url}")
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def _listener(host: str, port: int) -> Generator[socket.socket, None, None]:
    """Open a listening socket with the explicit protocol TCP; otherwise asyncio does not disable Nagle's algorithm.

    Raises:
        LaunchError: the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(2048)
        listener.set_inheritable(True)
        yield listener
    except OSError as error:
        raise LaunchError(f"cannot listen on {host} port {port}: {error.strerror or error}.") from None
    finally:
        listener.close()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
