"""The console's pages about what left: why a message waits, what its codes mean, and who got a mail."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_tools.reasons import Reason as AgentReason
from integrations import errors
from integrations.admin.reasons import ADVICE
from integrations.delivery.gate import Reason
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from integrations.services import change_policy, switch_everything
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Channel
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of
from webhooks.parsers import sendgrid

ROOT = Path(__file__).resolve().parents[2]
State = OutboundMessage.State
PAGE_QUERIES = 26
LATER = timedelta(hours=3)


def outbound(cast: Cast, **fields: Any) -> OutboundMessage:
    return factories.make_outbound(factories.make_conversation(cast.acme), **fields)


def mail(cast: Cast, **fields: Any) -> OutboundMessage:
    """A mail that is over, and that belongs to no conversation."""
    integration = factories.make_integration(
        cast.acme, type=Integration.Type.EMAIL_SMTP, provider="smtp", name="SMTP"
    )
    values = {"state": State.SENT, "finished_at": clock.now(), "sent_at": clock.now(), **fields}
    with service_scope(reason="test rows"):
        return OutboundMessage.objects.create(
            client=cast.acme,
            integration=integration,
            channel=Channel.EMAIL,
            kind=OutboundMessage.Kind.MAIL,
            recipient_index="0" * 64,
            idempotency_key=f"test:{uuid.uuid4()}",
            fingerprint="0" * 64,
            **values,
        )


# --- Codes and their advice ------------------------------------------------------------------------


# What an agent takes back: by the code of the run that wrote it.
WITHDRAWN = (AgentReason.SUPERSEDED, AgentReason.TAKEN_OVER)


def provider_codes(cls: type[errors.ProviderError] = errors.ProviderError) -> Iterator[str]:
    yield cls.code
    for child in cls.__subclasses__():
        yield from provider_codes(child)


def delivery_codes() -> set[str]:
    """The codes that delivery writes as they stand in its source."""
    sources = [*(ROOT / "integrations/delivery").glob("*.py"), ROOT / "integrations/holdings.py"]
    written = re.compile(r'(?:reason_code=|^[A-Z_]+ = )"([A-Z_]+)"', re.M)  # in place, or as a constant
    return {code for source in sources for code in written.findall(source.read_text())}


def mail_codes() -> set[str]:
    """How mails fail after they left."""
    told: list[Any] = [
        sendgrid.parse({"event": "bounce", "type": "bounce"}),
        sendgrid.parse({"event": "bounce", "type": "blocked"}),
        sendgrid.parse({"event": "dropped", "reason": "Invalid"}),
    ]
    return {event.reason_code for event in told}


def test_every_code_that_a_message_can_end_with_has_advice() -> None:
    known = {"PARTLY_REFUSED", "WORKER_LOST", "ECHOED", "SETTLED_BY_PERSON", "REPORTED_FAILURE", "ERASED"}
    assert known <= delivery_codes()
    assert len(mail_codes()) == 3
    assert len(set(provider_codes())) == 11
    codes = {*Reason, *provider_codes(), *delivery_codes(), *mail_codes(), *WITHDRAWN}
    assert {code for code in codes if not str(ADVICE.get(code, ""))} == set()


def test_no_advice_is_for_a_code_that_nothing_writes() -> None:
    written = {*Reason, *provider_codes(), *delivery_codes(), *mail_codes(), *WITHDRAWN}
    assert set(ADVICE) - written == set()


# --- What holds it ---------------------------------------------------------------------------------


def test_a_queued_message_says_what_holds_it_now(cast: Cast, django_assert_max_num_queries: Any) -> None:
    message = outbound(cast, reason_code="QUIET_HOURS", next_attempt_at=clock.now() + LATER)
    with service_scope(reason="test switch"):
        switch_everything(paused=True)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(PAGE_QUERIES):
        page = text_of(sofia.get(page_url(message)))
    assert "Neste momento:" in page
    now = page.partition("Neste momento:")[2].partition("</p>")[0]
    assert str(ADVICE[Reason.KILL_SWITCH_ALL]) in now
    assert "Será julgada de novo em" in now
    assert str(ADVICE[Reason.QUIET_HOURS]) in page  # what it was held for when it was judged last
    assert "silêncio" not in now


def test_a_queued_message_that_will_be_refused_says_so(cast: Cast) -> None:
    message = outbound(cast)
    with service_scope(reason="test switch"):
        Integration.objects.filter(id=message.integration_id).update(enabled=False)
    page = text_of(console_of(cast.sofia).get(page_url(message)))
    assert "Será recusada quando chegar a sua vez" in page
    assert str(ADVICE[Reason.INTEGRATION_DISABLED]) in page


def test_a_message_that_would_wait_too_long_says_so_before_and_after_it_is_refused(cast: Cast) -> None:
    soon = clock.now() + timedelta(minutes=1)
    queued = outbound(cast, not_after=soon)
    factories.make_delivery_state(queued.integration, failures=5, open_until=clock.now() + LATER)
    refused = outbound(cast, state=State.FAILED, reason_code="BREAKER_OPEN")
    sofia = console_of(cast.sofia)
    page = text_of(sofia.get(page_url(queued)))
    assert "Será recusada quando chegar a sua vez. Esperar passaria da validade" in page
    page = text_of(sofia.get(page_url(refused)))
    assert f"{ADVICE[Reason.BREAKER_OPEN]} Esperar passaria da validade" in page


@pytest.mark.parametrize(
    ("wait", "words"), [(timedelta(0), "Sai quando chegar a sua vez."), (LATER, "Será tentada em")]
)
def test_a_queued_message_that_nothing_holds_says_when_it_leaves(
    cast: Cast, wait: timedelta, words: str
) -> None:
    message = outbound(cast, next_attempt_at=clock.now() + wait)
    page = text_of(console_of(cast.sofia).get(page_url(message)))
    assert f"Nenhuma regra a segura agora. {words}" in page


@pytest.mark.parametrize("state", [State.SENDING, State.SENT, State.FAILED, State.UNKNOWN])
def test_a_message_that_does_not_wait_says_nothing_of_waiting(cast: Cast, state: Any) -> None:
    message = outbound(cast, state=state)
    with service_scope(reason="test switch"):
        change_policy(cast.acme.id, {"paused": True}, cause=Cause())
    assert "Neste momento:" not in text_of(console_of(cast.sofia).get(page_url(message)))


# --- Mails -----------------------------------------------------------------------------------------


def test_a_mail_shows_who_did_not_get_it_by_place(cast: Cast) -> None:
    message = mail(cast, reason_code="PARTLY_REFUSED", delivered_at=clock.now(), attempts_spared=3)
    attempt = factories.make_attempt(
        message,
        refused_recipients=[
            {"recipient": "cc[0]", "code": 550, "detail": "5.1.1 <b>no</b> ana@cliente.example here"},
            {"recipient": "bcc[1]", "code": 452, "detail": "4.2.2 full"},
        ],
    )
    sofia = console_of(cast.sofia)
    for url in (page_url(message), page_url(attempt)):
        page = text_of(sofia.get(url))
        assert "<code>cc[0]</code> 550 5.1.1 &lt;b&gt;no&lt;/b&gt;" in page
        assert "<code>bcc[1]</code> 452 4.2.2 full" in page
        assert "ana@cliente.example" not in page
    page = text_of(sofia.get(page_url(message)))
    assert "nem todos os destinatários" in page
    assert "Entregue em" in page
    assert "Tentativas poupadas" in page
    assert f"/admin/conversations/message/{message.id}/" not in page  # it is in no conversation


def test_what_to_check_by_hand_depends_on_the_channel(cast: Cast) -> None:
    written = outbound(cast, state=State.UNKNOWN, reason_code="TIMED_OUT")
    mailed = mail(cast, state=State.UNKNOWN, reason_code="TIMED_OUT")
    sofia = console_of(cast.sofia)
    assert "Confira no WhatsApp do cliente" in text_of(sofia.get(page_url(written)))
    assert "provedor de e-mail" in text_of(sofia.get(page_url(mailed)))


def test_messages_of_the_last_days_are_found_by_channel(cast: Cast) -> None:
    mailed, _written = mail(cast), outbound(cast)
    found = console_of(cast.sofia).get(list_url(OutboundMessage), {"recent_channel": "email"})
    assert list(found.context["cl"].result_list) == [mailed]


def test_attempts_of_mails_are_listed_without_a_query_for_each(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    message = mail(cast)
    for _number in range(20):
        factories.make_attempt(message, refused_recipients=[{"recipient": "to[0]", "code": 550}])
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(12):
        assert "to[0]" not in text_of(sofia.get(list_url(DeliveryAttempt)))
    with django_assert_max_num_queries(PAGE_QUERIES):
        assert text_of(sofia.get(page_url(message))).count("to[0]") == 20
