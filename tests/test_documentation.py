"""The documentation says what the code does."""

from __future__ import annotations

import re

from renum.environment import BASE_DIR, Environment

VARIABLES = {str(field.validation_alias): field for field in Environment.model_fields.values()}


def test_configuration_page_lists_every_variable_with_its_meaning():
    page = (BASE_DIR / "docs/configuration.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", page, re.M))
    assert rows == {name: field.description for name, field in VARIABLES.items()}


def test_example_file_lists_every_variable():
    lines = (BASE_DIR / ".env.example").read_text().splitlines()[1:]
    assert [line.strip("#=") for line in lines] == list(VARIABLES)


def test_links_in_the_documentation_lead_somewhere():
    pages = [BASE_DIR / "README.md", *(BASE_DIR / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_verbs_of_the_readme_are_in_the_makefile():
    readme = (BASE_DIR / "README.md").read_text()
    makefile = (BASE_DIR / "Makefile").read_text()
    verbs = set(re.findall(r"\bmake ((?:[a-z0-9]+ ?)+)", readme))
    for verb in {word for phrase in verbs for word in phrase.split()} & {
        "up", "test", "lint", "types", "e2e", "bench", "chaos", "requirements",
    }:  # fmt: skip
        assert re.search(rf"^{verb}:", makefile, re.M), verb


def test_decisions_stay_short():
    for page in (BASE_DIR / "docs/adr").glob("*.md"):
        assert len(page.read_text().splitlines()) <= 40, page.name
