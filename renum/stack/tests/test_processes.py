"""The supervisor: children live as long as the stack, and no longer."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from renum.stack import processes
from renum.stack.children import end_leftovers, group_members, run_step, spawn
from renum.stack.console import Console
from renum.stack.errors import StackError, StopRequested
from renum.stack.processes import Process, Supervisor
from renum.stack.signals import StopFlag
from renum.stack.tests.helpers import is_alive, python, read_pid, start_script, wait_for

SLEEP = "import time; time.sleep(60)"
SPAWN_A_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(os.environ["PID_FILE"], "w").write(str(child.pid))
time.sleep(60)
"""
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.environ["PID_FILE"], "w").write(str(os.getpid()))
time.sleep(60)
"""
SUPERVISE = """
import os, sys, time
from pathlib import Path
from renum.stack.processes import Process, Supervisor
folder = Path(sys.argv[1])
env = {**os.environ, "RENUM_DATA_DIR": str(folder), "PID_FILE": str(folder / "pid")}
with Supervisor(folder / "logs", pids_file=folder / "pids.json") as supervisor:
    supervisor.start(Process("worker", [sys.executable, "-c", sys.argv[2]], env))
    time.sleep(60)
"""


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path: Path, output: io.StringIO) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs", console=Console(output), pids_file=tmp_path / "pids.json") as running:
        yield running


def poll_until_restarted(supervisor: Supervisor, name: str, former: int) -> int:
    def restarted() -> int | None:
        supervisor.poll()
        pid = supervisor.pids.get(name)
        return pid if pid != former else None

    return wait_for(restarted) or 0


def test_restarts_a_killed_child_and_kills_what_it_left(
    supervisor: Supervisor, tmp_path: Path, output: io.StringIO
) -> None:
    pid_file = tmp_path / "grandchild"
    supervisor.start(python("worker", SPAWN_A_CHILD, PID_FILE=str(pid_file)))
    grandchild, first = read_pid(pid_file), supervisor.pids["worker"]

    os.kill(first, signal.SIGKILL)
    second = poll_until_restarted(supervisor, "worker", first)

    assert "worker ended (killed by SIGKILL); starting it again in 1 s" in output.getvalue()
    assert not is_alive(grandchild)
    assert is_alive(second)
    assert json.loads((tmp_path / "pids.json").read_text()) == {"worker": second}


def test_waits_longer_after_each_quick_death(
    supervisor: Supervisor, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LONGEST_DELAY_SECONDS", 0)
    supervisor.start(python("worker", "raise SystemExit(3)"))
    poll_until_restarted(supervisor, "worker", supervisor.pids["worker"])
    assert "worker ended (exit code 3); starting it again in 0 s" in output.getvalue()

    monkeypatch.setattr(processes, "LONGEST_DELAY_SECONDS", 30)

    def died_again() -> bool:
        supervisor.poll()
        return "starting it again in 2 s" in output.getvalue()

    wait_for(died_again)


def test_relays_output_to_the_console_and_the_log(
    supervisor: Supervisor, tmp_path: Path, output: io.StringIO
) -> None:
    log = tmp_path / "logs" / "web.log"
    log.write_bytes(b"x" * (processes.LOG_LIMIT_BYTES + 1))
    supervisor.start(python("web", "print('olá'); import time; time.sleep(60)", PYTHONIOENCODING="utf-8"))
    wait_for(lambda: "web      | olá\n" in output.getvalue())
    wait_for(lambda: log.read_text() == "olá\n")


def test_stop_leaves_nothing_behind_even_of_a_deaf_child(
    supervisor: Supervisor, tmp_path: Path, output: io.StringIO
) -> None:
    deaf, parent = tmp_path / "deaf", tmp_path / "parent"
    supervisor.start(python("deaf", DEAF, PID_FILE=str(deaf)))
    supervisor.start(python("parent", SPAWN_A_CHILD, PID_FILE=str(parent)))
    leaders = [*supervisor.pids.values()]
    pids = [read_pid(deaf), read_pid(parent), *leaders]

    supervisor.stop(grace_seconds=0.5)

    assert not [pid for pid in pids if is_alive(pid)]
    assert not [member for leader in leaders for member in group_members(leader)]
    assert "deaf did not stop within 0.5 s; killing it" in output.getvalue()
    assert not (tmp_path / "pids.json").exists()


def test_stop_gives_a_child_time_to_finish(supervisor: Supervisor, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    tidy = f"""
import signal, sys, time
def save(*_):
    time.sleep(0.3)
    open({str(saved)!r}, "w").close()
    sys.exit()
signal.signal(signal.SIGTERM, save)
print("armed")
time.sleep(60)
"""
    supervisor.start(python("tidy", tidy))
    wait_for(lambda: "armed" in _text(tmp_path / "logs" / "tidy.log"))
    supervisor.stop()
    assert saved.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    with start_script(SUPERVISE, tmp_path, SLEEP) as parent:
        pids = json.loads(wait_for(lambda: _text(tmp_path / "pids.json")))
        parent.kill()
    wait_for(lambda: not is_alive(pids["worker"]))


def test_what_a_killed_stack_left_running_is_ended(tmp_path: Path) -> None:
    with start_script(SUPERVISE, tmp_path, DEAF) as parent:
        deaf = read_pid(tmp_path / "pid")
        parent.kill()
    assert is_alive(deaf)
    assert end_leftovers(tmp_path / "pids.json", tmp_path / "another") == []
    assert is_alive(deaf)
    assert end_leftovers(tmp_path / "pids.json", tmp_path, grace_seconds=0.5) == ["worker"]
    assert not is_alive(deaf)


def test_waits_until_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    script = python("web", f"open({str(flag)!r}, 'w').close(); {SLEEP}")
    supervisor.start(Process(script.name, script.argv, script.env, ready=flag.exists))
    supervisor.wait_until_ready(10)
    assert flag.exists()


def test_a_child_that_is_never_ready_is_reported_with_its_last_words(supervisor: Supervisor) -> None:
    script = python("web", f"print('still thinking'); {SLEEP}")
    supervisor.start(Process(script.name, script.argv, script.env, ready=lambda: False))
    with pytest.raises(StackError, match=r"web was not ready within 1 s.*\n    still thinking"):
        supervisor.wait_until_ready(1)


def test_a_step_that_fails_shows_the_end_of_its_output(tmp_path: Path) -> None:
    code = "print('\\n'.join(map(str, range(100)))); raise SystemExit('no table')"
    with pytest.raises(StackError) as raised:
        run_step(
            [sys.executable, "-u", "-c", code],
            env=os.environ,
            cwd=tmp_path,
            log=tmp_path / "step.log",
            stop=StopFlag(),
        )
    assert str(raised.value).splitlines()[-2:] == ["    99", "    no table"]
    assert "    80\n" not in str(raised.value)


def test_a_step_ends_when_the_stack_is_to_stop(tmp_path: Path) -> None:
    stop = StopFlag()
    stop.requested = True
    with pytest.raises(StopRequested):
        run_step(
            [sys.executable, "-c", SLEEP], env=os.environ, cwd=tmp_path, log=tmp_path / "step.log", stop=stop
        )


def test_spawned_programs_have_their_own_session_and_no_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == '')"
    child = spawn([sys.executable, "-c", code], env=os.environ, cwd=tmp_path, output=subprocess.PIPE)
    out, _ = child.communicate(timeout=10)
    assert out == b"True True\n"


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
