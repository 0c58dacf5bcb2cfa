"""`manage.py up`: all of RENUM on this machine, started in order and stopped in reverse."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from renum.stack.children import end_leftovers, run_step
from renum.stack.console import Console
from renum.stack.errors import StackError, StopRequested
from renum.stack.lock import lock_data_folder
from renum.stack.ports import LOOPBACK, Port, require_free
from renum.stack.processes import Process, Supervisor
from renum.stack.secrets import load_or_create, write_env_file
from renum.stack.servers import embedded_postgres, supervised_valkey
from renum.stack.signals import StopFlag, catch_stop_signals

READY_SECONDS = 60.0
WATCH_SECONDS = 0.2


@dataclass(frozen=True)
class StackOptions:
    """Where the stack lives and what it offers. `root` is the folder of `manage.py`."""

    root: Path
    data_dir: Path
    web_port: int
    sandbox_port: int
    sandbox_smtp_port: int
    demo: bool = True


def run_stack(options: StackOptions, environ: Mapping[str, str] = os.environ) -> int:
    """Run the stack until a signal stops it, and return the exit code: 1 if it could not start.

    A `DATABASE_URL` or `REDIS_URL` in `environ` is used instead of the embedded server. Main thread only.
    """
    console = Console()
    with catch_stop_signals() as stop:
        try:
            with ExitStack() as started:
                watched = _start(options, environ, console, stop, started)
                while True:
                    for supervisor in watched:
                        supervisor.poll()
                    stop.wait(WATCH_SECONDS)
        except StopRequested:
            console.line("Stopped. The data stay for the next `make up`.")
            return 0
        except StackError as error:
            console.line(f"✗ {error}")
            return 1


def app_processes(options: StackOptions, env: Mapping[str, str]) -> list[Process]:
    """The programs of the product, in the order of their start."""

    def program(name: str, arguments: str, *more: str, ready: Callable[[], bool] | None = None) -> Process:
        argv = [sys.executable, "-m", *arguments.split(), *more]
        return Process(name, argv, env, cwd=options.root, ready=ready)

    web, sandbox, smtp = options.web_port, options.sandbox_port, options.sandbox_smtp_port
    return [
        program(
            "web",
            f"granian --interface wsgi renum.wsgi:application --host {LOOPBACK} --port {web} --no-access-log "
            # The last, because a worker that is told to stop while it starts would never end.
            "--workers 2 --blocking-threads 32 --workers-kill-timeout 5",
            ready=lambda: answers_http(web, "/health"),
        ),
        program(
            "worker",
            "celery -A renum worker --queues high,normal,low --concurrency 3 --loglevel INFO "
            "--without-mingle --without-gossip",
            # Healthy means that tasks came through each queue, so whoever reads the URLs can begin.
            ready=lambda: answers_http(web, "/health", status=200),
        ),
        program(
            "beat",
            "celery -A renum beat --scheduler django_celery_beat.schedulers:DatabaseScheduler "
            "--loglevel INFO --pidfile=",
        ),
        program(
            "sandbox",
            f"integrations.sandbox --port {sandbox} --smtp-port {smtp} --state",
            str(options.data_dir / "sandbox.json"),
            ready=lambda: answers_http(sandbox, "/_sandbox/health"),
        ),
    ]


def answers_http(port: int, path: str, status: int | None = None) -> bool:
    """Tell whether a loopback server answers a GET, with this status or else with any."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return status in (None, response.status)


def _start(
    options: StackOptions, environ: Mapping[str, str], console: Console, stop: StopFlag, started: ExitStack
) -> list[Supervisor]:
    """Start everything, registering with `started` how to stop it; return who must be polled from now on."""
    data_dir = options.data_dir
    console.line(f"RENUM on this machine; data in {data_dir}")
    _take_data_folder(data_dir, console, started)
    require_free(
        [
            Port(options.web_port, "web", "RENUM_WEB_PORT"),
            Port(options.sandbox_port, "sandbox", "RENUM_SANDBOX_PORT"),
            Port(options.sandbox_smtp_port, "sandbox SMTP", "RENUM_SANDBOX_SMTP_PORT"),
        ]
    )
    settings = load_or_create(data_dir / "secrets.env", environ)
    stop.check()
    settings |= _start_postgres(data_dir, environ, console, started)
    stop.check()
    redis_url, watched = _start_valkey(data_dir, environ, console, started)
    settings["REDIS_URL"] = redis_url
    stop.check()

    stack_env = data_dir / "stack.env"  # lets `manage.py shell` in another terminal find this stack
    write_env_file(stack_env, settings)
    started.callback(stack_env.unlink, missing_ok=True)
    env = {**environ, **settings, **_describe(options), "PYTHONUNBUFFERED": "1"}
    _run_manage(
        "migrate", "--no-input", done="Database migrated", env=env, options=options, step=(console, stop)
    )

    apps = Supervisor(data_dir / "logs", console=console, pids_file=data_dir / "pids.json")
    started.enter_context(apps)
    started.callback(console.line, "Stopping …")
    with console.step("Web, worker, beat and sandbox ready"):
        for process in app_processes(options, env):
            apps.start(process)
        if options.demo:  # one transaction; they load meanwhile
            _run_manage("create_demo", done="Demo data ready", env=env, options=options, step=(console, stop))
        apps.wait_until_ready(READY_SECONDS, stop)
    console.box(_welcome(options))
    return [*watched, apps]


def _take_data_folder(data_dir: Path, console: Console, started: ExitStack) -> None:
    former = started.enter_context(lock_data_folder(data_dir))
    (data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
    if former:
        console.line(f"A stack with PID {former} ended without cleaning up; continuing with its data.")
    if names := end_leftovers(data_dir / "pids.json", data_dir):
        console.line(f"Ended what it had left running: {', '.join(names)}.")


def _start_postgres(
    data_dir: Path, environ: Mapping[str, str], console: Console, started: ExitStack
) -> dict[str, str]:
    if environ.get("DATABASE_URL"):
        console.line("  Postgres: the one in DATABASE_URL")
        names = ("DATABASE_URL", "DATABASE_OWNER_URL")
        return {name: environ[name] for name in names if environ.get(name)}
    with console.step("Postgres ready"):
        urls = started.enter_context(embedded_postgres(data_dir))
    return {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner}


def _start_valkey(
    data_dir: Path, environ: Mapping[str, str], console: Console, started: ExitStack
) -> tuple[str, list[Supervisor]]:
    if environ.get("REDIS_URL"):
        console.line("  Valkey: the one in REDIS_URL")
        return environ["REDIS_URL"], []
    with console.step("Valkey ready"):
        supervisor, url = started.enter_context(supervised_valkey(data_dir, console=console))
    return url, [supervisor]


def _describe(options: StackOptions) -> dict[str, str]:
    return {
        "RENUM_DATA_DIR": str(options.data_dir),
        "RENUM_WEB_PORT": str(options.web_port),
        "RENUM_SANDBOX_PORT": str(options.sandbox_port),
        "RENUM_SANDBOX_SMTP_PORT": str(options.sandbox_smtp_port),
    }


def _run_manage(
    *command: str, done: str, env: Mapping[str, str], options: StackOptions, step: tuple[Console, StopFlag]
) -> None:
    console, stop = step
    argv = [sys.executable, "manage.py", *command]
    with console.step(done):
        run_step(
            argv, env=env, cwd=options.root, log=options.data_dir / "logs" / f"{command[0]}.log", stop=stop
        )


def _welcome(options: StackOptions) -> list[str]:
    web, sandbox = f"http://{LOOPBACK}:{options.web_port}", f"http://{LOOPBACK}:{options.sandbox_port}"
    logins = [
        "",
        "sofia@renum.example   staff",
        "alice@acme.example    client Acme",
        "bob@globex.example    client Globex",
        "password of all       renum-demo",
    ]
    return [
        f"Admin      {web}/admin/",
        f"API docs   {web}/api/docs",
        f"Sandbox    {sandbox}/_sandbox/",
        *(logins if options.demo else []),
        "",
        "Ctrl-C stops everything",
    ]
