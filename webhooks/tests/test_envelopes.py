"""The whole corpus of Uazapi's envelopes, told without a database."""

from __future__ import annotations

import json

from webhooks.parsers import uazapi
from webhooks.tests.envelopes import Case, corpus
from webhooks.tests.helpers import TOKEN


def _faults(case: Case) -> list[str]:
    """What is wrong with how a case is named, kept and understood."""
    body = json.dumps(case.envelope).encode()
    ((identity, kept),) = uazapi.identify_all(case.envelope, body)
    stored, faults = json.loads(json.dumps(kept)), []
    for place, payload in (("as posted", case.envelope), ("as stored", stored)):
        parsed = uazapi.parse(payload)
        if parsed != case.expected:
            faults.append(f"{place}: {parsed}, not {case.expected}")
    if case.chat is not None and identity.chat != case.chat:
        faults.append(f"chat {identity.chat!r}, not {case.chat!r}")
    if TOKEN in json.dumps(kept):
        faults.append("the token is stored")
    if not 0 < len(identity.kind) <= 40 or not 0 < len(identity.dedup_key) <= 200:
        faults.append(f"named {identity}")
    return faults


def test_every_envelope_in_every_variant_means_what_it_says() -> None:
    cases = list(corpus())
    assert len({case.name for case in cases}) == len(cases) > 600
    failed = {case.name: faults for case in cases if (faults := _faults(case))}
    assert not failed, "\n".join(f"{name}: {'; '.join(faults)}" for name, faults in failed.items())
