"""The picture over the lists of agents and runs: each run once, on its day, as it went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent_tools.admin import picture
from agent_tools.models import Agent, AgentRun
from integrations.tests.test_admin_connections import onlooker
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.console import console_of, list_url, text_of

LIST_QUERIES = 12
NOON = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 12:00 in São Paulo


def make_run(
    cast: Cast, state: str = "done", reason: str = "", at: datetime = NOON, **fields: Any
) -> AgentRun:
    conversation = factories.make_conversation(fields.pop("client", cast.acme))
    return factories.make_agent_run(conversation, state=state, reason_code=reason, created_at=at, **fields)


@pytest.fixture(autouse=True)
def _at_noon(moving_clock: MovableClock) -> None:
    moving_clock.stop(NOON)


def counts(picture: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        day["day"]: {str(part["label"]): part["count"] for part in day["parts"]}
        for day in picture["days"]
        if day["parts"]
    }


def test_each_run_is_counted_once_on_its_day_as_it_went(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    make_run(cast)
    make_run(cast, "done", "MODEL_CALL_LIMIT")
    make_run(cast, "done", "TAKEN_OVER")
    make_run(cast, "superseded", "SUPERSEDED")
    make_run(cast, "skipped", "AGENT_LOOP")
    make_run(cast, "failed", "AGENT_FAILED")
    make_run(cast, "running")
    make_run(cast, "pending", "OUTSIDE_HOURS")
    make_run(cast, at=datetime(2026, 11, 20, 2, 59, tzinfo=UTC))  # still the 19th in São Paulo
    make_run(cast, at=NOON - timedelta(days=13))
    make_run(cast, at=NOON - timedelta(days=14))
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(LIST_QUERIES):
        response = sofia.get(list_url(AgentRun))
    shown = response.context["picture"]
    assert counts(shown) == {
        "07/11": {"Concluídas": 1},
        "19/11": {"Concluídas": 1},
        "20/11": {
            "Concluídas": 1, "Em andamento": 2, "Dispensadas": 2, "Com problema": 2, "Falharam": 1,
        },
    }  # fmt: skip
    assert len(shown["days"]) == 14
    assert shown["total"] == 10
    (today,) = [day for day in shown["days"] if day["day"] == "20/11"]
    assert sum(float(part["height"]) for part in today["parts"]) == pytest.approx(picture.HEIGHT, abs=0.01)
    assert float(today["parts"][-1]["y"]) == pytest.approx(0, abs=0.01)
    page = text_of(response)
    assert "Concluídas 3, Em andamento 2" in page
    assert "20/11 · Falharam: 1" in page
    assert "entram na figura" not in page
    assert sofia.get(list_url(Agent)).context["picture"]["total"] == 10


def test_each_day_leads_to_its_runs(cast: Cast) -> None:
    today, before = make_run(cast), make_run(cast, at=NOON - timedelta(days=3))
    sofia = console_of(cast.sofia)
    days = {day["day"]: day["url"] for day in sofia.get(list_url(AgentRun)).context["picture"]["days"]}
    for day, run in (("20/11", today), ("17/11", before)):
        assert list(sofia.get(days[day]).context["cl"].result_list) == [run]


def test_the_list_of_one_client_has_the_picture_of_that_client(cast: Cast) -> None:
    ours = make_run(cast)
    make_run(cast, client=cast.globex)
    sofia = console_of(cast.sofia)
    query = {"client__id__exact": str(cast.acme.pk)}
    shown = sofia.get(list_url(AgentRun), query).context["picture"]
    assert shown["total"] == 1
    assert list(sofia.get(shown["days"][-1]["url"]).context["cl"].result_list) == [ours]
    nonsense = sofia.get(list_url(AgentRun), {"client__id__exact": "x"}, follow=True)
    assert nonsense.status_code == 200


def test_an_empty_picture_says_so(cast: Cast) -> None:
    response = console_of(cast.sofia).get(list_url(AgentRun))
    assert response.context["picture"]["total"] == 0
    assert "Nenhuma" in text_of(response)


def test_i10_of_many_runs_the_latest_are_counted_and_the_page_says_so(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "MOST", 2)
    for back in range(3):
        make_run(cast, at=NOON - timedelta(days=back))
    response = console_of(cast.sofia).get(list_url(AgentRun))
    assert set(counts(response.context["picture"])) == {"20/11", "19/11"}
    assert "Só as últimas 2 execuções entram na figura." in text_of(response)


def test_who_may_not_see_runs_gets_no_picture_of_them(cast: Cast) -> None:
    make_run(cast)
    browser = console_of(onlooker("view_agent"))
    assert browser.get(list_url(AgentRun)).status_code == 403
    page = browser.get(list_url(Agent))
    assert page.context["picture"] is None
    assert "últimos 14 dias" not in text_of(page)
