"""The development stack's secrets: made once, kept in the data folder, overridden by the environment."""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from dotenv import dotenv_values


def _key_of_32_bytes() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _token() -> str:
    return secrets.token_urlsafe(48)


SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": _token,
    "ENCRYPTION_KEY": _key_of_32_bytes,
    "BLIND_INDEX_KEY": _key_of_32_bytes,
    "UAZAPI_WEBHOOK_SECRET": _token,
    "RENUM_METRICS_TOKEN": _token,
}


def load_or_create(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return every secret in `SECRETS`, adding those missing to the file at `path` (mode 0600).

    A value in `environ` wins and is not written.
    """
    stored = read_env_file(path)
    given = {name: environ[name] for name in SECRETS if environ.get(name)}
    made = {name: make() for name, make in SECRETS.items() if not stored.get(name) and name not in given}
    if made:
        write_env_file(path, {**stored, **made})
    elif path.exists():
        path.chmod(0o600)
    known = {**stored, **made, **given}
    return {name: known[name] for name in SECRETS}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of the file at `path`; nothing if there is no such file."""
    return {
        name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None
    }


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Replace the file at `path` at once, readable by its owner alone."""
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp creates with 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    os.replace(draft, path)
