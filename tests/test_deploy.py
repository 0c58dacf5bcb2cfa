"""What `deploy/` starts in production is what `manage.py up` starts, with the variables that it needs."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from pydantic import ValidationError

from manage import OWNER_COMMANDS
from renum.environment import BASE_DIR, Environment, listed
from renum.security.checks import refuse_unsafe_production
from renum.stack.ports import LOOPBACK
from renum.stack.up import StackOptions, app_processes

DEPLOY = BASE_DIR / "deploy"
UNITS = DEPLOY / "systemd"
PYTHON = "/opt/renum/.venv/bin/python"
CHECK = ["manage.py", "check", "--database", "default"]
MIGRATE = ["manage.py", "migrate", "--no-input"]
VARIABLES = {str(field.validation_alias) for field in Environment.model_fields.values()}
KEY = "A" * 43 + "="

KEPT_RUNNING = {
    "web": "renum-web.service",
    "worker": "renum-worker@.service",
    "beat": "renum-beat.service",
}


def commands_of_the_stack() -> dict[str, list[str]]:
    """What `manage.py up` gives to Python, for each process of the product; the sandbox is not one."""
    options = StackOptions(
        root=BASE_DIR, data_dir=Path("/unused"), web_port=8000, sandbox_port=0, sandbox_smtp_port=0
    )
    commands = {process.name: list(process.argv) for process in app_processes(options, {})}
    del commands["sandbox"]
    assert all(argv[0] == sys.executable for argv in commands.values())
    return {name: argv[1:] for name, argv in commands.items()}


def read_unit(name: str) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(delimiters="=", comment_prefixes="#")
    unit.optionxform = str
    unit.read_string((UNITS / name).read_text())
    return unit


def read_variables(name: str) -> dict[str, str]:
    lines = (DEPLOY / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read_services() -> dict[str, dict]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


# --- systemd ---------------------------------------------------------------------------------------


def test_units_start_what_manage_up_starts():
    stack = commands_of_the_stack()
    assert set(stack) == set(KEPT_RUNNING)
    for name, unit in KEPT_RUNNING.items():
        # Workers of one machine need names of their own.
        own = ["--hostname", "worker%i@%H"] if name == "worker" else []
        assert shlex.split(read_unit(unit)["Service"]["ExecStart"]) == [PYTHON, *stack[name], *own]


def test_units_check_the_settings_first_and_are_kept_running():
    for unit in KEPT_RUNNING.values():
        service = read_unit(unit)["Service"]
        assert shlex.split(service["ExecStartPre"]) == [PYTHON, *CHECK]
        assert service["Restart"] == "always"
        assert read_unit(unit)["Unit"]["StartLimitIntervalSec"] == "0"
        assert read_unit(unit)["Unit"]["PartOf"] == "renum.target"
        assert read_unit(unit)["Install"]["WantedBy"] == "renum.target"


def test_units_start_in_order():
    order = ["renum-migrate.service", "renum-web.service", "renum-worker@1.service", "renum-beat.service"]
    for position, name in enumerate(order):
        earlier = read_unit(name.replace("@1", "@"))["Unit"]["After"].split()
        assert [unit for unit in order if unit in earlier] == order[:position]


def test_a_stop_lets_every_task_end():
    """The parent alone gets SIGTERM, and time for the longest task: children would die of the signal."""
    service = read_unit(KEPT_RUNNING["worker"])["Service"]
    assert (service["KillMode"], service["KillSignal"]) == ("mixed", "SIGTERM")
    assert seconds(service["TimeoutStopSec"]) > settings.CELERY_TASK_TIME_LIMIT
    worker = read_services()["worker"]
    assert seconds(worker["stop_grace_period"]) > settings.CELERY_TASK_TIME_LIMIT


def test_only_the_migration_knows_the_owner():
    files = [*UNITS.rglob("*.*"), DEPLOY / "compose.yaml"]
    readers = {path.name for path in files if path.is_file() and "migrate.env" in path.read_text()}
    assert readers == {"renum-migrate.service", "compose.yaml"}
    service = read_unit("renum-migrate.service")["Service"]
    assert shlex.split(service["ExecStart"]) == [PYTHON, *MIGRATE]
    assert service["Type"] == "oneshot" and MIGRATE[1] in OWNER_COMMANDS
    assert [name for name, one in read_services().items() if "migrate.env" in str(one)] == ["migrate"]


def test_units_are_confined():
    common = read_unit("renum-.service.d/common.conf")["Service"]
    assert common["User"] == "renum" and common["ProtectSystem"] == "strict"
    confined = ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictSUIDSGID")
    assert all(common[name] == "yes" for name in confined)
    assert common["CapabilityBoundingSet"] == ""
    assert all(unit.name.startswith("renum-") for unit in UNITS.glob("*.service"))  # or it does not apply


def test_systemd_knows_every_key_of_the_units(tmp_path):
    """Where systemd is installed it judges itself; the parsed files above are judged everywhere."""
    keys = {key for path in UNITS.rglob("*.*") if path.is_file() for one in _sections(path) for key in one}
    assert "ExecStart" in keys and all(re.fullmatch(r"[A-Z][A-Za-z]+", key) for key in keys)
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("*.service"):
        path.write_text(path.read_text().replace(PYTHON, sys.executable))
    names = [path.name.replace("@.", "@1.") for path in tmp_path.iterdir() if path.is_file()]
    verified = subprocess.run(
        [analyze, "verify", "--man=no", *(str(tmp_path / name) for name in names)],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
    )
    complaints = [line for line in verified.stderr.splitlines() if "renum" in line]
    assert complaints == []


def _sections(path: Path) -> list[configparser.SectionProxy]:
    unit = read_unit(str(path.relative_to(UNITS)))
    return [unit[name] for name in unit.sections()]


# --- compose ---------------------------------------------------------------------------------------


def test_compose_starts_what_manage_up_starts():
    stack, services = commands_of_the_stack(), read_services()
    assert set(services) == set(stack) | {"check", "migrate"}
    for name, arguments in stack.items():
        # In a container the loopback address is nobody else's; the published port is bound to the host's.
        expected = ["python", *("0.0.0.0" if word == LOOPBACK else word for word in arguments)]
        assert shlex.split(services[name]["command"]) == expected
        assert services[name]["restart"] == "always"
    assert services["web"]["ports"] == [f"{LOOPBACK}:8000:8000"]
    assert shlex.split(services["check"]["command"]) == ["python", *CHECK]
    assert shlex.split(services["migrate"]["command"]) == ["python", *MIGRATE]
    assert services["migrate"]["profiles"] == ["migrate"]  # never started along with the others


def test_image_is_of_the_oldest_python_that_is_supported():
    assert "FROM python:3.11-slim\n" in (DEPLOY / "Dockerfile").read_text()


# --- variables -------------------------------------------------------------------------------------


def test_example_names_variables_that_exist_once_and_not_the_owner():
    example = read_variables("renum.env.example")
    assert set(example) <= VARIABLES
    assert "DATABASE_OWNER_URL" not in example
    assert list(read_variables("migrate.env.example")) == ["DATABASE_OWNER_URL"]


def test_example_with_its_secrets_filled_in_is_all_that_production_needs(monkeypatch, settings):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    example = read_variables("renum.env.example")
    for name, value in example.items():
        monkeypatch.setenv(name, value or KEY)
    settings.ENVIRONMENT = environment = Environment()
    assert environment.production and refuse_unsafe_production() == []
    host = re.sub(r"^https://", "", environment.public_url)
    assert {host, LOOPBACK} <= set(listed(environment.allowed_hosts))


def test_example_has_everything_that_production_refuses_to_start_without(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RENUM_ENV", "production")
    with pytest.raises(ValidationError, match="production needs") as refusal:
        Environment()
    needed = {word for word in re.findall(r"\b[A-Z_]{6,}\b", str(refusal.value)) if word in VARIABLES}
    assert {"SECRET_KEY", "ENCRYPTION_KEY", "BLIND_INDEX_KEY", "DATABASE_URL", "REDIS_URL"} <= needed
    assert needed <= set(read_variables("renum.env.example"))
