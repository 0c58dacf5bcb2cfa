"""Every reason code has a sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import triggers
from triggers.reasons import REASONS, remedy_of, sentence_of

_CODE = re.compile(r"[A-Z]{2,}(_[A-Z]{2,})+")


def codes_in_use() -> set[str]:
    """Every text in the app that has the form of a code."""
    root = Path(triggers.__file__).parent
    modules = [path for path in root.rglob("*.py") if not {"tests", "migrations"} & set(path.parts)]
    assert len(modules) > 40
    return {
        node.value
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value)
    }


NO_REASONS = {"EXECUTION_NOT_FOUND", "EXECUTION_NOT_FAILED"}  # answers to a request


def test_every_code_has_a_sentence_that_people_can_read() -> None:
    used = codes_in_use() - NO_REASONS
    assert {"TRIGGER_INACTIVE", "REENTRY_LIMIT", "SLOT_MISSED", "TEMPLATE_VARIABLE_MISSING"} <= used
    assert used <= set(REASONS)
    for code in REASONS:
        assert sentence_of(code).endswith("."), code
        assert remedy_of(code) == "" or remedy_of(code).endswith("."), code


def test_a_code_of_another_app_keeps_the_message_that_came_with_it() -> None:
    assert sentence_of("MEDIA_UNSUPPORTED", "O provedor não envia mídia.") == "O provedor não envia mídia."
    assert (sentence_of("MEDIA_UNSUPPORTED"), remedy_of("MEDIA_UNSUPPORTED")) == ("MEDIA_UNSUPPORTED", "")
