"""The OpenAPI description is complete, valid, and open to everybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from rest_framework.test import APIClient

from renum.api.tests.test_tenancy import ENDPOINTS, PUBLIC


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    target: Path = tmp_path_factory.mktemp("schema") / "schema.yaml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(target))
    return yaml.safe_load(target.read_text())


def test_the_schema_is_made_without_warnings(schema: Any) -> None:
    assert schema["openapi"].startswith("3.")


def test_the_schema_describes_every_endpoint(schema: Any) -> None:
    described = {(method, path) for path, item in schema["paths"].items() for method in item}
    for method, route in ENDPOINTS:
        path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)
        assert (method, path) in described


def test_every_operation_can_answer_with_the_envelope(schema: Any) -> None:
    for path, item in schema["paths"].items():
        for operation in item.values():
            failure = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert failure["$ref"].endswith("/Failure"), path


def test_every_answer_with_a_body_is_described_as_one(schema: Any) -> None:
    for path, item in schema["paths"].items():
        for operation in item.values():
            assert "204" not in operation["responses"], path


def test_only_sessions_are_described_as_open(schema: Any) -> None:
    for path, item in schema["paths"].items():
        for operation in item.values():
            is_open = {} in operation.get("security", [{}])
            assert is_open == (path.lstrip("/") in PUBLIC), path


def test_no_answer_describes_a_secret(schema: Any) -> None:
    for name, component in schema["components"]["schemas"].items():
        if not name.endswith("Request"):
            secrets = {"api_token", "webhook_secret", "password", "model_key"}
            assert secrets.isdisjoint(component.get("properties", {})), name


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
def test_the_description_is_open_to_everybody(db: None, path: str) -> None:
    assert APIClient().get(path).status_code == 200
