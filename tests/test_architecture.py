"""Imports point one way, the network is reached through one door, and modules stay small."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("renum", "integrations", "triggers", "agent_tools", "webhooks")
MAX_LINES = 400

# Clients of the network that only the factory may make.
BANNED_CALLS = {
    "httpx.Client",
    "httpx.AsyncClient",
    "httpx.HTTPTransport",
    "httpx.AsyncHTTPTransport",
    *(f"httpx.{verb}" for verb in ("get", "post", "put", "patch", "delete", "head", "request", "stream")),
    "aiohttp.ClientSession",
    "aiohttp.TCPConnector",
    "aiohttp.request",
    "httpx_aiohttp.AiohttpTransport",
    "httpx_aiohttp.HttpxAiohttpClient",
    "urllib.request.urlopen",
    "urllib.request.Request",
    "urllib.request.build_opener",
    "http.client.HTTPConnection",
    "http.client.HTTPSConnection",
    "smtplib.SMTP",
    "smtplib.SMTP_SSL",
    "socket.create_connection",
}
BANNED_MODULES = {"requests", "urllib3", "pycurl", "httplib2"}
DOOR = Path("renum/security/http.py")
# The stand-in is a peer itself; the embedded stack asks its own children whether they are up.
EXEMPT = (("integrations", "sandbox"), ("renum", "stack"))


def modules() -> list[Path]:
    """Every module of the project that runs in production, relative to its root."""
    found = [
        path.relative_to(ROOT)
        for layer in LAYERS
        for path in sorted((ROOT / layer).rglob("*.py"))
        if "tests" not in path.parts and path.name != "conftest.py"
    ]
    assert len(found) > 100
    return found


MODULES = modules()


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def offenders(found_in: Callable[[Path], Iterable[str]]) -> dict[str, list[str]]:
    """What a rule finds in the project's modules, for each that has any."""
    found = {str(path): sorted(found_in(path)) for path in MODULES}
    return {path: names for path, names in found.items() if names}


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """What a module imports, inside functions too, as absolute names."""
    return frozenset(imports_in(_parse(path), path))


def imports_in(tree: ast.Module, path: Path) -> Iterator[str]:
    package = path.parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join((*base, *filter(None, [node.module])))
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            argument = node.args[0] if node.args else None
            yield argument.value if isinstance(argument, ast.Constant) else "<computed>"


def called_names(tree: ast.Module) -> Iterator[str]:
    """Dotted names that a module calls or subclasses, with its imports' aliases resolved."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom) and not node.level:
            aliases.update(
                {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            )
    for node in ast.walk(tree):
        used = (
            [node.func]
            if isinstance(node, ast.Call)
            else node.bases
            if isinstance(node, ast.ClassDef)
            else []
        )
        for expression in used:
            first, _, rest = ast.unparse(expression).partition(".")
            yield ".".join(filter(None, (aliases.get(first, first), rest)))


def test_imports_point_one_way() -> None:
    def upwards(path: Path) -> set[str]:
        later = LAYERS[LAYERS.index(path.parts[0]) + 1 :]
        return {
            name for name in imported_modules(path) if name.split(".")[0] in (*later, "tests", "conftest")
        }

    assert offenders(upwards) == {}


def test_the_kernel_imports_no_app_outside_itself() -> None:
    for path in MODULES:
        if path.parts[0] == "renum":
            assert {name.split(".")[0] for name in imported_modules(path)}.isdisjoint(LAYERS[1:]), path


def test_the_sandbox_imports_nothing_of_the_project() -> None:
    """It stands for somebody else's server, and must work while ours is down."""
    inside = [path for path in MODULES if path.parts[:2] == ("integrations", "sandbox")]
    assert len(inside) > 5
    for path in inside:
        for name in imported_modules(path):
            ours = name.split(".")[0] in LAYERS and not name.startswith("integrations.sandbox")
            assert not ours and name.split(".")[0] != "django", f"{path} imports {name}"


def test_providers_are_known_to_their_registry_only() -> None:
    """The kernel of the integrations reads the registry; a provider's modules are its own affair."""
    for path in MODULES:
        if path.parts[0] in LAYERS[2:]:
            names = {name for name in imported_modules(path) if name.startswith("integrations.providers.")}
            assert names == set(), path


def test_the_network_is_reached_through_one_door() -> None:
    def other_doors(path: Path) -> set[str]:
        if path == DOOR or path.parts[:2] in EXEMPT:
            return set()
        roots = {name.split(".")[0] for name in imported_modules(path)}
        return (BANNED_CALLS & set(called_names(_parse(path)))) | (BANNED_MODULES & roots)

    assert offenders(other_doors) == {}


@pytest.mark.parametrize(
    "source",
    [
        "import httpx\nhttpx.AsyncClient()",
        "import httpx as h\nh.get('x')",
        "from httpx import Client\nClient()",
        "from httpx import Client as C\nclass Mine(C): pass",
        "from urllib import request\nrequest.urlopen('x')",
        "import urllib.request\nurllib.request.urlopen('x')",
        "import aiohttp\nasync def f():\n    async with aiohttp.ClientSession() as s: pass",
    ],
)
def test_control_another_door_is_noticed(source: str) -> None:
    assert not BANNED_CALLS.isdisjoint(called_names(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "import webhooks.views",
        "from webhooks import views",
        "def f():\n    from webhooks.views import receive_uazapi",
        "import importlib\nimportlib.import_module('webhooks.views')",
    ],
)
def test_control_an_import_upwards_is_noticed(source: str) -> None:
    found = imports_in(ast.parse(source), Path("renum/clock.py"))
    assert any(name.startswith("webhooks") for name in found)


def test_no_module_is_long() -> None:
    lengths = {
        str(path): len((ROOT / path).read_text().splitlines())
        for path in MODULES
        if "migrations" not in path.parts
    }
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_only_the_clock_reads_the_clock() -> None:
    readers = {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.date.today",
        "django.utils.timezone.now",
    }

    def read(path: Path) -> set[str]:
        if path == Path("renum/clock.py") or path.parts[:2] == ("integrations", "sandbox"):
            return set()
        return readers & set(called_names(_parse(path)))

    assert offenders(read) == {}


LIGHT = (
    "renum.urls",
    "renum.wsgi",
    "webhooks.views",
    "webhooks.tasks",
    "agent_tools.tasks",
    "triggers.tasks",
)
HEAVY = ("langchain", "langchain_core", "langgraph", "langsmith", "openai", "pandas")


def test_web_and_management_commands_do_not_load_langchain() -> None:
    script = (
        "import django, importlib, sys\n"
        "django.setup()\n"
        f"for name in {LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        "from django.urls import get_resolver\n"
        "get_resolver().url_patterns\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "renum.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
