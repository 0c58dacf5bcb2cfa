"""Secrets, lock and ports: what the stack checks before it starts anything."""

from __future__ import annotations

import base64
import signal
import socket
from pathlib import Path

import pytest

from renum.stack.errors import StackError
from renum.stack.lock import lock_data_folder
from renum.stack.ports import Port, is_free, pick_free, require_free
from renum.stack.secrets import SECRETS, load_or_create, read_env_file
from renum.stack.tests.helpers import start_script

HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from renum.stack.lock import lock_data_folder
with lock_data_folder(Path(sys.argv[1])):
    print("held")
    time.sleep(60)
"""


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    first = load_or_create(file, {})
    assert set(first) == set(SECRETS)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(first["ENCRYPTION_KEY"], validate=True)) == 32
    assert len(base64.b64decode(first["BLIND_INDEX_KEY"], validate=True)) == 32
    assert load_or_create(file, {}) == first


def test_secrets_already_in_the_file_are_kept_and_missing_ones_added(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("BLIND_INDEX_KEY=mine\nAGENT_MODEL=kept\n")
    secrets = load_or_create(file, {})
    assert secrets["BLIND_INDEX_KEY"] == "mine"
    assert read_env_file(file) == {**secrets, "AGENT_MODEL": "kept"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_secrets_in_the_environment_win_and_are_not_written(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    assert load_or_create(file, {"BLIND_INDEX_KEY": "outside"})["BLIND_INDEX_KEY"] == "outside"
    assert "BLIND_INDEX_KEY" not in read_env_file(file)


def test_a_data_folder_in_use_names_its_holder(tmp_path: Path) -> None:
    holder = start_script(HOLD_THE_LOCK, tmp_path)
    with holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        message = f"The data folder {tmp_path} is in use by another `make up` \\(PID {holder.pid}\\)"
        with pytest.raises(StackError, match=message), lock_data_folder(tmp_path):
            pass
        holder.kill()


def test_a_killed_stack_is_noticed_and_its_folder_taken(tmp_path: Path) -> None:
    with start_script(HOLD_THE_LOCK, tmp_path) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGKILL)
    with lock_data_folder(tmp_path) as former:
        assert former == holder.pid
    with lock_data_folder(tmp_path) as former:
        assert former is None


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="cannot be used"), lock_data_folder(tmp_path / "file" / "data"):
        pass


def test_a_taken_port_is_named_with_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        with pytest.raises(StackError) as raised:
            require_free([Port(number, "web", "RENUM_WEB_PORT")])
    assert str(raised.value) == (
        f"Port {number} (web) is taken by another program; stop it or set RENUM_WEB_PORT."
    )
    assert is_free(number)


def test_one_port_for_two_programs_is_refused() -> None:
    number = pick_free()
    with pytest.raises(StackError, match=f"A and B are both {number}"):
        require_free([Port(number, "web", "A"), Port(number, "sandbox", "B")])
