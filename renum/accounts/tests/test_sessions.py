"""Log-in, refresh and bearer tokens, over HTTP with real commits."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from renum import clock
from renum.accounts import services
from renum.accounts.models import Client, Profile, RefreshSession
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.concurrency import run_together

ALICE, PASSWORD = "alice@acme.test", "alice-password-1"
LOGIN, REFRESH, PROTECTED = "/api/auth/login", "/api/auth/refresh", "/api/conversations"


def post(path: str, body: Any, **extra: Any) -> Any:
    return APIClient().post(path, body, format="json", **extra)


def log_in(email: str = ALICE, password: str = PASSWORD) -> Any:
    return post(LOGIN, {"email": email, "password": password})


def tokens() -> dict[str, str]:
    response = log_in()
    assert response.status_code == 200
    return dict(response.json())


def refresh(token: Any) -> Any:
    return post(REFRESH, {"refresh": token})


def visit(access: str) -> Any:
    return APIClient().get(PROTECTED, HTTP_AUTHORIZATION=f"Bearer {access}")


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"]))


def as_service(change: Callable[[], Any]) -> Any:
    with service_scope(reason="test"):
        return change()


def suspend(client: Client) -> None:
    as_service(lambda: Client.objects.filter(id=client.id).update(status=Client.Status.SUSPENDED))


def assert_failure(response: Any, status: int, code: str) -> dict[str, Any]:
    body = response.json()
    assert (response.status_code, body["error_code"]) == (status, code)
    assert set(body) == {"success", "error", "error_code", "details", "timestamp"}
    assert body["success"] is False
    return dict(body)


# --- Log-in ----------------------------------------------------------------------------------------


def test_a_log_in_gives_a_pair_for_the_company_and_the_role(committed_cast: Cast) -> None:
    pair = tokens()
    assert set(pair) == {"access", "refresh"}
    access = claims_of(pair["access"])
    assert access["sub"] == str(committed_cast.alice.id)
    assert access["client_id"] == str(committed_cast.acme.id)
    assert access["role"] == "client"
    assert access["token_type"] == "access"
    assert access["exp"] - access["iat"] == 30 * 60
    assert abs(access["iat"] - time.time()) < 60
    assert "family" not in access
    assert visit(pair["access"]).status_code == 200


def test_a_log_in_of_staff_names_no_company(committed_cast: Cast) -> None:
    pair = log_in("sofia@renum.test", "sofia-password-1").json()
    access = claims_of(pair["access"])
    assert (access["role"], access["client_id"]) == ("admin", None)


@pytest.mark.parametrize("email", ["ALICE@ACME.TEST", " alice@acme.test ", "Alice@Acme.Test"])
def test_an_email_is_recognised_however_it_is_typed(committed_cast: Cast, email: str) -> None:
    assert log_in(email).status_code == 200


def _deactivate(cast: Cast) -> None:
    as_service(lambda: Profile.objects.filter(id=cast.alice.id).update(is_active=False))


def _leave_without_company(cast: Cast) -> None:
    as_service(lambda: Client.objects.filter(id=cast.acme.id).delete())


def test_whatever_the_reason_a_refused_log_in_looks_the_same(committed_cast: Cast) -> None:
    def refused(email: str = ALICE, password: str = PASSWORD) -> dict[str, Any]:
        body = assert_failure(log_in(email, password), 401, "INVALID_CREDENTIALS")
        del body["timestamp"]
        return body

    bodies = [
        refused(password="wrong"),
        refused(password=PASSWORD + " "),
        refused(password=PASSWORD.upper()),
        refused(email="nobody@acme.test"),
        refused(email="bob@globex.test"),
        refused(email="alice@acme.test' OR 1=1 --"),
        refused(email="%"),
    ]
    suspend(committed_cast.acme)
    bodies.append(refused())
    _deactivate(committed_cast)
    bodies.append(refused())
    _leave_without_company(committed_cast)
    bodies.append(refused())
    assert all(body == bodies[0] for body in bodies)
    assert as_service(RefreshSession.objects.count) == 0


def test_a_refused_log_in_says_how_to_authenticate_in_its_headers_alike(committed_cast: Cast) -> None:
    wrong, unknown = log_in(password="wrong"), log_in("nobody@acme.test")
    assert dict(wrong.items()) == dict(unknown.items())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": ALICE}, "password"),
        ({"email": ALICE, "password": PASSWORD, "remember": True}, "remember"),
        ({"email": ALICE, "password": PASSWORD, "client_id": str(uuid.uuid4())}, "client_id"),
        ({"email": 1, "password": PASSWORD}, "email"),
        ({"email": ALICE, "password": 12345678}, "password"),
        ({"email": ALICE, "password": None}, "password"),
        ({"email": ALICE, "password": True}, "password"),
        ({"email": [ALICE], "password": PASSWORD}, "email"),
        ({"email": {"$ne": ""}, "password": PASSWORD}, "email"),
        ({"email": ALICE, "password": ""}, "password"),
        ({"email": "", "password": PASSWORD}, "email"),
        ({"email": "a" * 255, "password": PASSWORD}, "email"),
        ({"email": ALICE, "password": "p" * 1025}, "password"),
        ({"email": "alice\x00@acme.test", "password": PASSWORD}, "email"),
        ({"email": ALICE, "password": "a\x00b"}, "password"),
        ([], "non_field_errors"),
        ("text", "non_field_errors"),
        (3, "non_field_errors"),
        ([{"email": ALICE, "password": PASSWORD}], "non_field_errors"),
    ],
)
def test_a_log_in_that_is_not_as_described_names_the_field(db: None, body: Any, field: str) -> None:
    assert field in assert_failure(post(LOGIN, body), 400, "VALIDATION_ERROR")["details"]


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff@acme.test"'])
def test_half_a_character_is_refused(db: None, text: str) -> None:
    body = f'{{"email": {text}, "password": {text}}}'
    response = APIClient().post(LOGIN, body, content_type="application/json")
    assert_failure(response, 400, "INVALID_JSON")


@pytest.mark.parametrize(
    "body", ["", "{", "{'email': 1}", "\ufeff{}", "null x", '{"a": NaN}', '{"a":1,"a":2}']
)
@pytest.mark.parametrize("path", [LOGIN, REFRESH])
def test_what_is_not_json_is_refused(db: None, path: str, body: str) -> None:
    response = APIClient().post(path, body or " ", content_type="application/json")
    assert_failure(response, 400, "INVALID_JSON")


@pytest.mark.parametrize("path", [LOGIN, REFRESH])
def test_a_body_over_a_mebibyte_is_refused(db: None, path: str) -> None:
    assert_failure(post(path, {"email": "x" * 1_048_577}), 413, "PAYLOAD_TOO_LARGE")


def test_a_password_is_not_in_the_answer(committed_cast: Cast) -> None:
    answer = log_in(password="my-secret-guess").content.decode()
    assert "my-secret-guess" not in answer
    assert "my-secret-guess" not in post(LOGIN, {"email": 1, "password": "my-secret-guess"}).content.decode()


# --- Throttling ------------------------------------------------------------------------------------


def test_the_eleventh_log_in_of_a_minute_is_refused(committed_cast: Cast) -> None:
    assert [log_in(password="wrong").status_code for _ in range(10)] == [401] * 10
    response = log_in()  # the right password does not help
    assert_failure(response, 429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert log_in(" ALICE@acme.test ").status_code == 429
    assert log_in("bob@globex.test", "bob-password-1").status_code == 200


def test_of_forty_log_ins_at_once_exactly_ten_are_looked_at(committed_cast: Cast) -> None:
    statuses = [r.status_code for r in run_together(lambda _: log_in(password="wrong"), 40)]
    assert sorted(statuses) == [401] * 10 + [429] * 30


def test_a_forged_forwarded_address_does_not_reset_the_limit(committed_cast: Cast) -> None:
    body = {"email": ALICE, "password": "wrong"}
    statuses = [
        post(LOGIN, body, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}", HTTP_X_REAL_IP=f"10.0.0.{n}").status_code
        for n in range(11)
    ]
    assert statuses == [401] * 10 + [429]


def test_a_log_in_works_without_redis(committed_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from limits.storage import RedisStorage
    from limits.strategies import MovingWindowRateLimiter

    from renum.api import throttling

    gone = MovingWindowRateLimiter(RedisStorage("redis://127.0.0.1:9/0", **settings.REDIS_OPTIONS))
    monkeypatch.setattr(throttling, "_limiter", lambda: gone)
    assert log_in().status_code == 200


# --- Refresh ---------------------------------------------------------------------------------------


def test_a_refresh_gives_a_new_pair_and_uses_up_the_old_token(committed_cast: Cast) -> None:
    first = tokens()
    response = refresh(first["refresh"])
    assert response.status_code == 200
    second = response.json()
    assert set(second) == {"access", "refresh"}
    assert second["refresh"] != first["refresh"]
    assert claims_of(second["access"])["client_id"] == str(committed_cast.acme.id)
    assert visit(second["access"]).status_code == 200
    assert refresh(second["refresh"]).status_code == 200


def test_using_a_refresh_token_again_ends_its_family_with_the_newest(committed_cast: Cast) -> None:
    other = tokens()
    chain = [tokens()["refresh"]]
    for _ in range(3):
        chain.append(refresh(chain[-1]).json()["refresh"])
    assert_failure(refresh(chain[1]), 401, "INVALID_TOKEN")
    assert_failure(refresh(chain[-1]), 401, "INVALID_TOKEN")
    assert refresh(other["refresh"]).status_code == 200  # another log-in is another family


def test_of_ten_uses_of_one_refresh_token_at_once_exactly_one_succeeds(committed_cast: Cast) -> None:
    token = tokens()["refresh"]
    responses = run_together(lambda _: refresh(token), 10)
    assert sorted(response.status_code for response in responses) == [200] + [401] * 9
    winner = next(response for response in responses if response.status_code == 200)
    assert_failure(refresh(winner.json()["refresh"]), 401, "INVALID_TOKEN")  # somebody has a copy


def test_a_suspended_client_is_out_at_once(committed_cast: Cast) -> None:
    pair = tokens()
    suspend(committed_cast.acme)
    assert_failure(visit(pair["access"]), 401, "INVALID_TOKEN")
    assert_failure(refresh(pair["refresh"]), 401, "INVALID_TOKEN")


def test_a_deactivated_profile_is_out_at_once(committed_cast: Cast) -> None:
    pair = tokens()
    _deactivate(committed_cast)
    assert_failure(visit(pair["access"]), 401, "INVALID_TOKEN")
    assert_failure(refresh(pair["refresh"]), 401, "INVALID_TOKEN")


def test_a_deleted_profile_is_out_at_once(committed_cast: Cast) -> None:
    pair = tokens()
    _leave_without_company(committed_cast)
    as_service(lambda: Profile.objects.filter(id=committed_cast.alice.id).delete())
    assert_failure(visit(pair["access"]), 401, "INVALID_TOKEN")
    assert_failure(refresh(pair["refresh"]), 401, "INVALID_TOKEN")


def test_a_refresh_reads_role_and_company_again(committed_cast: Cast) -> None:
    pair = tokens()
    as_service(lambda: Profile.objects.filter(id=committed_cast.alice.id).update(role="admin"))
    assert claims_of(refresh(pair["refresh"]).json()["access"])["role"] == "admin"


def test_a_role_in_an_old_token_gives_nothing(committed_cast: Cast) -> None:
    """Staff that was demoted: the token still says `admin`."""
    pair = log_in("sofia@renum.test", "sofia-password-1").json()
    as_service(lambda: Profile.objects.filter(id=committed_cast.sofia.id).update(role="client"))
    response = APIClient().get(
        f"{PROTECTED}?client_id={committed_cast.acme.id}", HTTP_AUTHORIZATION=f"Bearer {pair['access']}"
    )
    assert_failure(response, 401, "INVALID_TOKEN")


def test_an_expired_refresh_session_is_refused_and_forgotten(committed_cast: Cast) -> None:
    pair, kept = tokens(), tokens()
    session = uuid.UUID(claims_of(pair["refresh"])["jti"])
    past = clock.now() - timedelta(seconds=1)
    as_service(lambda: RefreshSession.objects.filter(id=session).update(expires_at=past))
    assert_failure(refresh(pair["refresh"]), 401, "INVALID_TOKEN")
    assert services.delete_expired_sessions() == 1
    assert as_service(lambda: RefreshSession.objects.filter(id=session).exists()) is False
    assert refresh(kept["refresh"]).status_code == 200


@pytest.mark.parametrize("token", ["", None, 3, [], "x" * 4097])
def test_a_refresh_that_is_not_as_described_is_refused(db: None, token: Any) -> None:
    assert "refresh" in assert_failure(refresh(token), 400, "VALIDATION_ERROR")["details"]


def test_a_refresh_with_an_unknown_field_is_refused(db: None) -> None:
    assert_failure(post(REFRESH, {"refresh": "x", "client_id": "y"}), 400, "VALIDATION_ERROR")


# --- Forged, expired and misused tokens ------------------------------------------------------------


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."


def _forgeries(genuine: str) -> dict[str, str]:
    claims = claims_of(genuine)
    key = settings.SECRET_KEY
    head, payload, signature = genuine.split(".")
    past = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp())

    def signed(key: str = key, algorithm: str = "HS256", **changes: Any) -> str:
        merged = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(merged, key, algorithm=algorithm)

    return {
        "alg none": _unsigned(claims, "none"),
        "alg None": _unsigned(claims, "None"),
        "no signature": f"{head}.{payload}.",
        "another key": signed(key="x" * 64),
        "another algorithm": signed(algorithm="HS512"),
        "changed payload": f"{head}.{_unsigned({**claims, 'role': 'admin'}, 'x').split('.')[1]}.{signature}",
        "expired": signed(exp=past),
        "without expiry": signed(exp=None),
        "without subject": signed(sub=None),
        "without kind": signed(token_type=None),
        "another kind": signed(token_type="sliding"),
        "without id": signed(jti=None),
        "unknown subject": signed(sub=str(uuid.uuid4())),
        "subject is no id": signed(sub="alice"),
        "not yet valid": signed(nbf=int(time.time()) + 3600),
        "garbage": "garbage",
        "dots": "..",
        "not ASCII": "é.é.é",
        "long": "a" * 4_000,
    }


# A refresh token names its session; whose it is, the session's row says.
SUBJECT_KINDS = {"without subject", "unknown subject", "subject is no id"}


@pytest.mark.parametrize(
    "kind", sorted(_forgeries(jwt.encode({"sub": "x", "exp": 2**31}, settings.SECRET_KEY)))
)
def test_a_forged_token_opens_nothing(committed_cast: Cast, kind: str) -> None:
    pair = tokens()
    body = assert_failure(visit(_forgeries(pair["access"])[kind]), 401, "INVALID_TOKEN")
    assert body["details"] == {}
    if kind not in SUBJECT_KINDS:
        assert_failure(refresh(_forgeries(pair["refresh"])[kind]), 401, "INVALID_TOKEN")
    assert visit(pair["access"]).status_code == 200


def test_tokens_do_not_serve_for_each_other(committed_cast: Cast) -> None:
    pair = tokens()
    assert_failure(visit(pair["refresh"]), 401, "INVALID_TOKEN")
    assert_failure(refresh(pair["access"]), 401, "INVALID_TOKEN")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "Token x", "bearer"])
def test_a_header_without_a_bearer_token_is_not_authenticated(committed_cast: Cast, header: str) -> None:
    response = APIClient().get(PROTECTED, HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response.json()["error_code"] in ("NOT_AUTHENTICATED", "INVALID_TOKEN")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_refresh_token_whose_session_was_never_opened_is_refused(committed_cast: Cast) -> None:
    claims = claims_of(tokens()["refresh"])
    stranger = jwt.encode(
        {**claims, "jti": uuid.uuid4().hex, "family": str(uuid.uuid4())}, settings.SECRET_KEY
    )
    assert_failure(refresh(stranger), 401, "INVALID_TOKEN")


def test_the_session_of_the_admin_does_not_open_the_api(committed_cast: Cast) -> None:
    browser = APIClient()
    form = {"username": "sofia@renum.test", "password": "sofia-password-1"}
    assert browser.post("/admin/login/?next=/admin/", form, format=None).status_code == 302
    assert_failure(browser.get(f"{PROTECTED}?client_id={committed_cast.acme.id}"), 401, "NOT_AUTHENTICATED")
