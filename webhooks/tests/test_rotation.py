"""Changing secrets loses nothing: the former ones still open the webhook for a day, and not a minute longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from rest_framework.test import APIClient

from integrations.models import Integration
from integrations.sandbox.payloads import TOKEN
from integrations.sandbox.sendgrid_webhooks import Account
from integrations.sandbox.testing import sandbox_in_thread
from integrations.services import remove_integration, token_index
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from webhooks.tests import evolution_helpers as evolution
from webhooks.tests import sendgrid_helpers as sendgrid
from webhooks.tests.helpers import KEY, SECRET, connect, go, inbox, post, refusal, text, v1

FORMER_TOKEN, FORMER_SECRET = "the-former-token", "the-former-webhook-secret"
DAY = timedelta(hours=24)


def rotate(integration: Integration, *, provider: str | None = None, **former: Any) -> None:
    """What a swap leaves behind: the settings before it, good for a day."""
    with service_scope(reason="test rows"):
        config = {**integration.settings.model_dump(), **former}
        integration.previous_config = {"provider": provider or integration.provider, **config}
        token = config.get("api_token")
        integration.previous_token_index = token_index(token.get_secret_value()) if token else ""
        integration.previous_valid_until = clock.now() + DAY
        integration.save()


def rotated(client: Client, **more: Any) -> Integration:
    integration = connect(client, secret=SECRET)
    former = {"api_token": SecretStr(FORMER_TOKEN), "webhook_secret": SecretStr(FORMER_SECRET)}
    rotate(integration, **former, **more)
    return integration


def statuses(*, key: str | None = KEY) -> dict[str, int]:
    """How a request is answered that is proven by each secret, one after the other."""
    events = {
        "token": go(),
        "former token": {**go(), "token": FORMER_TOKEN},
        "signature": v1(),
        "former signature": v1(secret=FORMER_SECRET),
        "wrong signature": v1(secret="another-webhook-secret"),
    }
    return {name: post(event, key=key).status_code for name, event in events.items()}


def test_a_swap_through_the_api_keeps_the_former_secrets_for_a_day(
    committed_cast: Cast, api: Callable[..., APIClient], moving_clock: MovableClock
) -> None:
    with sandbox_in_thread() as vendor:
        url = f"{vendor.url}/uazapi"
        integration = factories.make_integration(
            committed_cast.acme, webhook_key=KEY, api_token=FORMER_TOKEN, api_url=url
        )
        body = {"api_url": url, "api_token": TOKEN, "phone_number": "+55 11 98765-4321"}
        alice = api(committed_cast.alice)
        answer = alice.post("/api/integrations/whatsapp/configure", body, format="json")
        assert answer.status_code in (200, 201), answer.json()
    former, current = {**go(), "token": FORMER_TOKEN}, go()
    assert [post(former).status_code, post(former, key=None).status_code] == [200, 200]
    assert [post(current).status_code, post(current, key=None).status_code] == [200, 200]
    assert {event.integration_id for event in inbox()} == {integration.id}

    moving_clock.advance(hours=23, minutes=59)
    assert post(former).status_code == 200
    moving_clock.advance(minutes=2)
    assert [post(former).status_code, post(former, key=None).status_code] == [401, 401]
    assert [post(current).status_code, post(current, key=None).status_code] == [200, 200]


def test_both_dialects_of_uazapi_take_the_former_secrets_until_their_last_instant(
    cast: Cast, moving_clock: MovableClock
) -> None:
    moving_clock.stop()
    rotated(cast.acme)
    both = {
        "token": 200,
        "former token": 200,
        "signature": 200,
        "former signature": 200,
        "wrong signature": 401,
    }
    assert statuses() == both
    moving_clock.advance(hours=24, seconds=-1)

    def now(secret: str) -> dict[str, Any]:
        return v1(text(sent_at=moving_clock.now()), secret=secret)

    assert post(now(FORMER_SECRET)).status_code == 200
    moving_clock.advance(seconds=1)
    kept = len(inbox())
    assert [post(now(one)).status_code for one in (FORMER_SECRET, SECRET)] == [401, 200]
    assert [post({**go(), "token": one}).status_code for one in (FORMER_TOKEN, TOKEN)] == [401, 200]
    assert post({**go(), "token": FORMER_TOKEN}, key=None).status_code == 401
    assert len(inbox()) == kept + 2


def test_the_secrets_of_another_provider_or_of_a_removed_connection_open_nothing(cast: Cast) -> None:
    integration = rotated(cast.acme, provider="evolution", api_key=SecretStr("x"), instance="x")
    assert statuses()["former token"] == statuses()["former signature"] == 401
    assert statuses()["token"] == 200
    kept = len(inbox())
    with service_scope(reason="test"):
        integration.refresh_from_db()
        remove_integration(integration, cause=Cause())
    assert set(statuses().values()) == set(statuses(key=None).values()) == {401}
    assert len(inbox()) == kept


def test_a_token_that_is_one_s_former_and_another_s_present_one_names_nobody(cast: Cast) -> None:
    rotated(cast.acme)
    connect(cast.globex, key="globex-key", token=FORMER_TOKEN)
    assert post({**go(), "token": FORMER_TOKEN}, key=None).status_code == 401
    assert inbox() == []


def test_former_secrets_that_cannot_be_read_do_not_stop_the_present_ones(cast: Cast) -> None:
    integration = rotated(cast.acme)
    with service_scope(reason="test rows"):
        Integration.objects.filter(id=integration.id).update(previous_config={"provider": "uazapi"})
    assert (statuses()["token"], statuses()["former token"]) == (200, 401)


def test_the_installation_s_retired_secrets_are_still_accepted(cast: Cast, settings: Any) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
        update={
            "uazapi_webhook_secret": SecretStr("shared-now"),
            "uazapi_webhook_secrets_retired": SecretStr("shared-before, shared-long-ago"),
        }
    )
    connect(cast.acme)
    connect(cast.globex, key="globex-key", token="globex-token", secret=SECRET)
    secrets = ("shared-now", "shared-before", "shared-long-ago", "", " ", "shared-before, shared-long-ago")
    assert [post(v1(secret=one)).status_code for one in secrets] == [200, 200, 200, 401, 401, 401]
    assert [post(v1(secret=one), key="globex-key").status_code for one in secrets] == [401] * 6


def test_evolution_s_former_secret_and_sendgrid_s_former_key_are_accepted_for_a_day(
    cast: Cast, moving_clock: MovableClock
) -> None:
    moving_clock.stop(clock.now().replace(microsecond=0))
    former = Account()
    mail, chat = sendgrid.connect(cast.acme), evolution.connect(cast.globex, key="globex-key")
    rotate(mail, webhook_public_key=former.public_key)
    rotate(chat, webhook_secret=SecretStr(FORMER_SECRET))

    def answers() -> list[int]:
        vendors = (sendgrid.VENDOR, former, Account())
        mails = [sendgrid.post([sendgrid.event("open")], vendor=vendor) for vendor in vendors]
        secrets = (evolution.SECRET, FORMER_SECRET, "neither-of-the-two", None)
        chats = [evolution.post(evolution.upsert(), key="globex-key", secret=secret) for secret in secrets]
        return [answer.status_code for answer in (*mails, *chats)]

    assert answers() == [200, 200, 401, 200, 200, 401, 401]
    moving_clock.advance(hours=24)
    assert answers() == [200, 401, 401, 200, 401, 401, 401]


def test_a_predecessor_without_a_secret_does_not_open_an_evolution_that_has_one(cast: Cast) -> None:
    rotate(evolution.connect(cast.acme), webhook_secret=None)
    assert evolution.post(evolution.upsert(), secret=None).status_code == 401
    assert inbox() == []


def test_what_is_remembered_of_a_connection_never_outlives_a_change_of_it(cast: Cast) -> None:
    """Another process changed it: this one remembers the old secrets, and finds out in time."""
    integration = connect(cast.acme, secret=SECRET)
    assert post(v1()).status_code == 200  # remembered
    with service_scope(reason="test rows"):
        integration.config = {**integration.config, "webhook_secret": SecretStr("the-next-webhook-secret")}
        integration.save(update_fields=["config"])
    assert post(v1()).status_code == 401
    assert post(v1(secret="the-next-webhook-secret")).status_code == 200

    with service_scope(reason="test rows"):
        Client.objects.filter(id=cast.acme.id).update(status=Client.Status.SUSPENDED)
    answer = post(v1(secret="the-next-webhook-secret"))
    assert refusal(answer)["error_code"] == "INVALID_SIGNATURE"
    with service_scope(reason="test rows"):
        Client.objects.filter(id=cast.acme.id).update(status=Client.Status.ACTIVE)
        Integration.objects.filter(id=integration.id).update(removed_at=clock.now())
    assert post(v1(secret="the-next-webhook-secret")).status_code == 401
    assert post(b"no json").status_code == 401
    assert len(inbox()) == 2
