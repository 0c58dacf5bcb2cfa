"""A stop word that comes through the webhook, to the last row it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent_tools.models import AgentRun, AgentRunInput
from integrations.models import OutboundMessage
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Suppression
from renum.events.models import Event
from tests.cast import Cast
from webhooks import services
from webhooks.tests.helpers import connect, go, outcomes, post, text

WORDS = "Quero agendar uma consulta"


def receive(words: str, *, seconds_ago: int = 0, times: int = 1) -> None:
    sent = text(words, sent_at=datetime.now(UTC) - timedelta(seconds=seconds_ago))
    for _ in range(times):
        assert post(go(sent)).status_code == 200
    services.process_inbox()


def _kinds() -> list[str]:
    with service_scope(reason="test"):
        wanted = ("contact_opted_out", "contact_opted_in", "attention_wanted")
        return list(
            Event.objects.filter(kind__in=wanted).order_by("occurred_at").values_list("kind", flat=True)
        )


def test_stop_words_are_heeded_before_any_agent_and_once(cast: Cast) -> None:
    connect(cast.acme)
    receive(WORDS, seconds_ago=50)
    receive("PARAR", seconds_ago=40, times=3)
    receive("Parem de me mandar mensagem", seconds_ago=30)
    receive("tem como parar a dor?", seconds_ago=20)
    with service_scope(reason="test"):
        asked = [one.text for one in AgentRunInput.objects.all()]
        (confirmation,) = OutboundMessage.objects.all()
        conversation = Conversation.objects.get()
        assert Suppression.objects.exists()
        assert "PARAR" not in str(Event.objects.values_list("data", flat=True))
    joined = "\n".join(str(words) for words in asked)
    assert WORDS in joined and "a dor" in joined
    assert "PARAR" not in joined and "Parem" not in joined
    assert confirmation.confirms_opt_out and confirmation.conversation_id == conversation.id
    assert _kinds() == ["contact_opted_out"]
    assert {state for state, _ in outcomes()} == {"done"}

    receive("VOLTAR", seconds_ago=10)
    with service_scope(reason="test"):
        assert not Suppression.objects.exists()
        assert OutboundMessage.objects.count() == 2
    assert _kinds() == ["contact_opted_out", "contact_opted_in"]


def test_an_unclear_wish_is_answered_and_shown(cast: Cast) -> None:
    connect(cast.acme)
    receive("cancelar")
    with service_scope(reason="test"):
        assert AgentRun.objects.count() == 1
        assert not Suppression.objects.exists() and not OutboundMessage.objects.exists()
        assert Conversation.objects.get().attention_reason == "OPT_OUT_UNCLEAR"
    assert _kinds() == ["attention_wanted"]
