"""One stack per data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renum.stack.errors import StackError


@contextmanager
def lock_data_folder(data_dir: Path) -> Iterator[int | None]:
    """Hold the data folder, made if missing; yield the PID of a stack that ended without cleaning up, if any.

    Raises `StackError` if another stack holds it. The kernel drops the lock with its holder, however that
    ends; the PID in the file only serves the messages.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(data_dir / "up.lock", "a+", encoding="ascii")  # noqa: SIM115 - closed below
    except OSError as error:
        reason = error.strerror or error
        raise StackError(
            f"The data folder {data_dir} cannot be used: {reason}. Set RENUM_DATA_DIR."
        ) from error
    with file:
        file.seek(0)
        holder = file.read().strip()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackError(
                f"The data folder {data_dir} is in use by another `make up` (PID {holder or 'unknown'}). "
                "Stop it or set RENUM_DATA_DIR."
            ) from error
        _write(file.fileno(), str(os.getpid()))
        try:
            yield int(holder) if holder.isdigit() else None
        finally:
            _write(file.fileno(), "")


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())  # the file is in append mode: this lands at its start
