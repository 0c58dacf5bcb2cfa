"""The documentation says what the code does."""

from __future__ import annotations

import re

from integrations.delivery.gate import Reason
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


def test_the_page_on_delivery_names_every_reason_that_the_gate_gives():
    page = (BASE_DIR / "docs/delivery.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \| (?:refused|held) \|", page, re.M)) == set(Reason)


def test_a_provider_is_known_where_the_guide_to_adding_one_says():
    """The second WhatsApp provider is the proof: who else names it would have to be changed for a third."""
    guided = {"providers/__init__.py", "webhooks/services.py", "webhooks/views.py", "webhooks/urls.py"}
    guided |= {
        "webhooks/signatures.py",
        *(f"webhooks/parsers/evolution/{name}.py" for name in ("__init__", "messages")),
    }
    own = {f"providers/evolution/{name}.py" for name in ("config", "client", "provider")}
    knowing = {
        path.relative_to(BASE_DIR).as_posix().removeprefix("integrations/")
        for app in ("renum", "integrations", "triggers", "agent_tools", "webhooks")
        for path in (BASE_DIR / app).rglob("*.py")
        if not {"tests", "sandbox"} & set(path.parts) and "evolution" in path.read_text().lower()
    }
    assert own | {"providers/__init__.py"} <= knowing <= own | guided


def test_decisions_stay_short():
    for page in (BASE_DIR / "docs/adr").glob("*.md"):
        assert len(page.read_text().splitlines()) <= 40, page.name
