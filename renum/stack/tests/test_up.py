"""`manage.py up` as a whole, with programs that do nothing much; `make e2e` drives the real ones."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

from renum.stack.ports import pick_free
from renum.stack.secrets import read_env_file
from renum.stack.tests.helpers import PROJECT, wait_for

RUN_STACK = """
import sys
from pathlib import Path
from renum.stack.up import StackOptions, run_stack
root, *ports = sys.argv[1:]
sys.exit(run_stack(StackOptions(Path(root), Path(root) / "data", *map(int, ports))))
"""
CLEAN = {"PATH": os.environ["PATH"]}  # the test run has servers and secrets in its environment
OUTSIDE = {"DATABASE_URL": "postgresql://db.invalid/renum", "REDIS_URL": "redis://cache.invalid/0"}


def start_stack(root: Path, manage: str, **env: str) -> subprocess.Popen[str]:
    """Run the stack with `manage` in place of Django's command line."""
    (root / "manage.py").write_text(manage)
    return subprocess.Popen(
        [sys.executable, "-c", RUN_STACK, str(root), *(str(pick_free()) for _ in range(3))],
        cwd=PROJECT,
        env=CLEAN | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_servers_from_outside_are_used_and_a_failing_step_ends_the_start(tmp_path: Path) -> None:
    stack = start_stack(tmp_path, "import os; raise SystemExit(os.environ['DATABASE_URL'])", **OUTSIDE)
    output, _ = stack.communicate(timeout=30)
    assert stack.returncode == 1
    assert "✗ `manage.py migrate --no-input` failed." in output
    assert output.endswith("\n    postgresql://db.invalid/renum\n")
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["logs", "secrets.env", "up.lock"]


def test_demo_data_that_fails_ends_what_was_started_beside_it(tmp_path: Path) -> None:
    manage = "import sys, time; time.sleep(0.5); sys.exit('no demo' if 'create_demo' in sys.argv else 0)"
    stack = start_stack(tmp_path, manage, **OUTSIDE)
    output, _ = stack.communicate(timeout=30)
    assert stack.returncode == 1
    assert "✗ `manage.py create_demo` failed." in output
    assert "Stopping …" in output
    assert "Admin " not in output
    assert not (tmp_path / "data" / "pids.json").exists()  # all of them were stopped


def test_other_terminals_find_the_stack_until_a_signal_stops_it(
    tmp_path: Path,
) -> None:
    with start_stack(tmp_path, "import time; time.sleep(60)", **OUTSIDE) as stack:
        found = tmp_path / "data" / "stack.env"
        wait_for(found.exists)
        assert found.stat().st_mode & 0o777 == 0o600
        assert read_env_file(found).items() >= OUTSIDE.items()
        stack.send_signal(signal.SIGTERM)
        assert stack.stdout and stack.stdout.read().endswith(
            "Stopped. The data stay for the next `make up`.\n"
        )
    assert stack.returncode == 0
    assert not found.exists()


def test_up_is_refused_in_production(tmp_path: Path) -> None:
    key = base64.b64encode(bytes(32)).decode()
    production = {
        **OUTSIDE,
        **dict.fromkeys(("SECRET_KEY", "ENCRYPTION_KEY", "BLIND_INDEX_KEY"), key),
        "RENUM_ENV": "production",
        "RENUM_DATA_DIR": str(tmp_path / "data"),
    }
    result = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=PROJECT,
        env=CLEAN | production,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (1, "`manage.py up` is for development\n")
    assert not (tmp_path / "data").exists()
