"""Every variable that RENUM reads from its environment, typed, with its default and meaning.

`docs/configuration.md` lists the same fields; a test holds the two together.
"""

from __future__ import annotations

import base64
import binascii
import os
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent


def _data_dir() -> Path:
    return Path(os.environ.get("RENUM_DATA_DIR") or BASE_DIR / ".data").resolve()


class Environment(BaseSettings):
    """Read from the process environment, then from the running stack's `stack.env`.

    Raises `pydantic.ValidationError` for a malformed value, and for a missing secret in production.
    """

    model_config = SettingsConfigDict(env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)
    # Django's settings look for it whenever they are read; not finding it is slow.
    _mask_wrapped: ClassVar[bool] = True

    env: Literal["development", "test", "production"] = Field(
        "development", validation_alias="RENUM_ENV", description="Which safety rules apply."
    )
    data_dir: Path = Field(
        default_factory=_data_dir,
        validation_alias="RENUM_DATA_DIR",
        description="Folder of the embedded stack: databases, logs, secrets.",
    )
    web_port: int = Field(8000, validation_alias="RENUM_WEB_PORT", description="Port of web.")
    sandbox_port: int = Field(8010, validation_alias="RENUM_SANDBOX_PORT", description="Sandbox HTTP port.")
    sandbox_smtp_port: int = Field(
        8025, validation_alias="RENUM_SANDBOX_SMTP_PORT", description="Sandbox SMTP port."
    )
    public_url: str = Field(
        "",
        validation_alias="RENUM_PUBLIC_URL",
        description="Where providers reach us; webhook addresses start with it. "
        "Default: `http://127.0.0.1:<web port>`.",
    )
    allowed_hosts: str = Field(
        "127.0.0.1,localhost,[::1]",
        validation_alias="RENUM_ALLOWED_HOSTS",
        description="Comma-separated host names that web answers to.",
    )
    trusted_proxies: str = Field(
        "",
        validation_alias="RENUM_TRUSTED_PROXIES",
        description="Comma-separated addresses and networks of our own proxies, whose `X-Forwarded-For` is "
        "believed. Unset: nobody's.",
    )
    allow_loopback: bool = Field(
        default_factory=lambda data: data.get("env") != "production",
        validation_alias="RENUM_ALLOW_LOOPBACK",
        description="Let users' addresses point at this machine (the sandbox). "
        "Default: on, and refused in production.",
    )

    database_url: str = Field(
        "",
        validation_alias="DATABASE_URL",
        description="Postgres (16 or newer) of the runtime. Unset: the embedded one.",
    )
    database_owner_url: str = Field(
        "",
        validation_alias="DATABASE_OWNER_URL",
        description="Login that migrates and owns the tables. Unset: `DATABASE_URL`, "
        "whose runtime connections then switch to the role `renum_app`.",
    )
    redis_url: str = Field(
        "", validation_alias="REDIS_URL", description="Redis or Valkey. Unset: the embedded one."
    )
    celery_broker_url: str = Field(
        "", validation_alias="CELERY_BROKER_URL", description="Celery's broker. Default: `REDIS_URL`."
    )

    secret_key: SecretStr = Field(
        SecretStr(""), validation_alias="SECRET_KEY", description="Django's secret; signs JWTs too."
    )
    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = Field(
        "HS256", validation_alias="ALGORITHM", description="Signature of the JWTs."
    )
    encryption_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="ENCRYPTION_KEY",
        description="AES-256-GCM key, base64 of 32 bytes. New ciphertexts use it.",
    )
    encryption_keys_retired: SecretStr = Field(
        SecretStr(""),
        validation_alias="ENCRYPTION_KEYS_RETIRED",
        description="Comma-separated former keys that can still be read, until "
        "`manage.py rotate_encryption` is done.",
    )
    blind_index_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="BLIND_INDEX_KEY",
        description="HMAC key of the look-ups on encrypted phones, base64 of 32 bytes.",
    )

    uazapi_webhook_secret: SecretStr = Field(
        SecretStr(""),
        validation_alias="UAZAPI_WEBHOOK_SECRET",
        description="Signs v1 webhooks of integrations without a secret of their own.",
    )
    uazapi_webhook_secrets_retired: SecretStr = Field(
        SecretStr(""),
        validation_alias="UAZAPI_WEBHOOK_SECRETS_RETIRED",
        description="Comma-separated former values of `UAZAPI_WEBHOOK_SECRET` that are still accepted.",
    )
    webhooks_per_minute: int = Field(
        1000,
        ge=1,
        validation_alias="RENUM_WEBHOOKS_PER_MINUTE",
        description="Webhooks taken in for one client in any 60 s; more are answered 429.",
    )
    webhooks_per_minute_address: int = Field(
        10_000,
        ge=1,
        validation_alias="RENUM_WEBHOOKS_PER_MINUTE_ADDRESS",
        description="Webhook requests from one address in any 60 s, refused ones too. A provider's server "
        "posts for all its clients.",
    )
    provider_timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=120,
        validation_alias="RENUM_PROVIDER_TIMEOUT_SECONDS",
        description="Longest wait for a provider's answer.",
    )
    delivery_lease_seconds: float = Field(
        60.0,
        gt=0,
        validation_alias="RENUM_DELIVERY_LEASE_SECONDS",
        description="A send not recorded after this long is `unknown`. At least 5 s over the time-out.",
    )
    agent_model: str = Field(
        "",
        validation_alias="AGENT_MODEL",
        description="LangChain model name such as `openai:gpt-…`. Unset: the local model.",
    )
    agent_lease_seconds: float = Field(
        120.0,
        gt=0,
        validation_alias="RENUM_AGENT_LEASE_SECONDS",
        description="An agent run that shows no end after this long is taken up again.",
    )
    agent_memory_minutes: int = Field(
        1440,
        ge=0,
        le=10_080,
        validation_alias="RENUM_AGENT_MEMORY_MINUTES",
        description="How long an agent remembers a conversation after its last turn. 0: not at all.",
    )
    agent_memory_turns: int = Field(
        10,
        ge=1,
        le=50,
        validation_alias="RENUM_AGENT_MEMORY_TURNS",
        description="How many turns of a conversation an agent remembers.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        validation_alias="RENUM_METRICS_TOKEN",
        description="Bearer token of `/metrics`. Unset: there is no such page.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="RENUM_LOG_LEVEL", description="Threshold of the logs."
    )

    @field_validator("encryption_key", "blind_index_key")
    @classmethod
    def _is_32_bytes(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            decode_key(value.get_secret_value())
        return value

    @field_validator("encryption_keys_retired")
    @classmethod
    def _are_32_bytes(cls, value: SecretStr) -> SecretStr:
        for text in listed(value.get_secret_value()):
            decode_key(text)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for text in listed(value):
            ip_network(text)
        return value

    @model_validator(mode="after")
    def _fill_and_check(self) -> Environment:
        if not self.public_url:
            self.public_url = f"http://127.0.0.1:{self.web_port}"
        self.public_url = self.public_url.rstrip("/")
        if self.delivery_lease_seconds < self.provider_timeout_seconds + 5:
            raise ValueError("RENUM_DELIVERY_LEASE_SECONDS must exceed RENUM_PROVIDER_TIMEOUT_SECONDS by 5 s")
        if self.env == "production":
            required = {
                "SECRET_KEY": self.secret_key.get_secret_value(),
                "ENCRYPTION_KEY": self.encryption_key.get_secret_value(),
                "BLIND_INDEX_KEY": self.blind_index_key.get_secret_value(),
                "DATABASE_URL": self.database_url,
                "REDIS_URL": self.redis_url,
            }
            missing = [name for name, value in required.items() if not value]
            if missing:
                raise ValueError(f"production needs {', '.join(missing)}")
        return self

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def encryption_keys(self) -> list[bytes]:
        """Keys of 32 bytes each, the one for new ciphertexts first."""
        names = [
            self.encryption_key.get_secret_value(),
            *listed(self.encryption_keys_retired.get_secret_value()),
        ]
        return [decode_key(name.strip()) for name in names if name.strip()]

    @property
    def uazapi_webhook_secrets(self) -> list[str]:
        """The installation's secrets that may have signed a v1 webhook, the one in use first."""
        current = self.uazapi_webhook_secret.get_secret_value()
        retired = listed(self.uazapi_webhook_secrets_retired.get_secret_value())
        return [current, *retired] if current else retired


def listed(text: str) -> list[str]:
    """The parts of a comma-separated value, without those that are empty."""
    return [part.strip() for part in text.split(",") if part.strip()]


def decode_key(text: str) -> bytes:
    """Decode base64 (either alphabet) to exactly 32 bytes; raises `ValueError` otherwise."""
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError("a key must be base64 of 32 bytes") from error
    if len(key) != 32:
        raise ValueError("a key must be base64 of 32 bytes")
    return key


def read_environment() -> Environment:
    """Read the environment; the running stack's `stack.env` fills what is not set."""
    return Environment(_env_file=_data_dir() / "stack.env")
