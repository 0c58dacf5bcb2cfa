import re
from contextlib import suppress

import httpx

from integrations.sandbox.journal import CAPACITY, Journal

from .conftest import GO, V1, Client


def test_lists_what_arrived_in_order(sandbox: Client) -> None:
    sandbox.send("primeira")
    sandbox.http.get("/uazapi/instance/status", headers=GO)
    sandbox.send_v1("segunda")

    entries = sandbox.journal()

    assert [(entry["method"], entry["path"]) for entry in entries] == [
        ("POST", "/uazapi/send/text"),
        ("GET", "/uazapi/instance/status"),
        ("POST", "/uazapi/v1/messages/send"),
    ]
    assert set(entries[0]) == {"provider", "method", "path", "body", "at", "outcome"}
    assert entries[0]["body"] == {"number": "5511987654321", "text": "primeira"}
    assert {entry["provider"] for entry in entries} == {"uazapi"}
    assert all(entry["outcome"] == "accepted" for entry in entries)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["at"]) for entry in entries)


def test_filters_by_provider_path_and_limit(sandbox: Client) -> None:
    for text in ("a", "b", "c"):
        sandbox.send(text)
    sandbox.http.get("/uazapi/status", headers=V1)

    assert len(sandbox.journal(path="/send/text")) == 3
    assert [entry["body"]["text"] for entry in sandbox.journal(path="/send/text", limit="2")] == ["b", "c"]
    assert len(sandbox.journal(provider="uazapi")) == 4
    assert sandbox.journal(provider="smtp") == []
    assert sandbox.http.get("/_sandbox/journal?limit=0").status_code == 400


def test_is_emptied_by_delete(sandbox: Client) -> None:
    sandbox.send()

    assert sandbox.http.delete("/_sandbox/journal").status_code == 204
    assert sandbox.journal() == []


def test_leaves_its_own_endpoints_out(sandbox: Client) -> None:
    sandbox.http.get("/_sandbox/health")
    sandbox.inbound()

    assert sandbox.journal() == []


def test_records_refusals_with_their_status(sandbox: Client) -> None:
    sandbox.http.post("/uazapi/send/text", headers={"token": "wrong"}, json={"number": "1", "text": "x"})
    sandbox.http.get("/uazapi/nothing/here", headers=GO)
    sandbox.http.put("/uazapi/send/text", headers=GO)

    assert [entry["outcome"] for entry in sandbox.journal()] == [
        "rejected:401",
        "rejected:404",
        "rejected:405",
    ]


def test_shows_no_secret(sandbox: Client) -> None:
    body = {"number": "5511987654321", "text": "x", "api_token": "hush", "nested": [{"X-Api-Key": "hush"}]}
    sandbox.http.post("/uazapi/send/text", headers=GO, json=body)
    sandbox.register("http://user:hush@127.0.0.1:1/webhooks/uazapi/hush?s=hush")
    sandbox.register_v1("http://127.0.0.1:1/webhooks/uazapi/hush/", secret="hush")
    sandbox.http.post("/uazapi/webhook", headers=GO, content=b'{"secret": "hush", "url": "http://h/hush"')

    shown = sandbox.http.get("/_sandbox/journal").text

    assert "hush" not in shown
    assert "demo-token" not in shown
    assert sandbox.journal()[1]["body"]["url"] == "http://127.0.0.1:1/webhooks/uazapi/***?s=***"
    assert sandbox.journal()[2]["body"] == {"url": "http://127.0.0.1:1/webhooks/uazapi/***", "secret": "***"}


def test_keeps_the_url_that_holds_no_secret(sandbox: Client) -> None:
    sandbox.register("http://127.0.0.1:1/webhooks/uazapi")

    assert sandbox.journal()[0]["body"]["url"] == "http://127.0.0.1:1/webhooks/uazapi"


def test_forgets_the_oldest_when_full() -> None:
    journal = Journal(capacity=2)
    for number in range(3):
        journal.add("uazapi", "POST", f"/{number}", None)

    assert [entry["path"] for entry in journal.list_entries()] == ["/1", "/2"]
    assert CAPACITY == 50_000


def test_survives_hostile_bodies(sandbox: Client) -> None:
    def post(content: bytes) -> int:
        return sandbox.http.post("/uazapi/send/text", headers=GO, content=content).status_code

    assert post(b"{not json") == 400
    assert post(b"") == 400
    assert post(b"[1, 2]") == 400
    assert post(b'{"number": "5511987654321", "text": NaN}') == 400
    assert post(b'{"number": "5511987654321", "text": "x", "n": 1e999}') == 400
    assert post(b"[" * 100_000) == 400
    assert post(b'{"a":' * 200 + b"1" + b"}" * 200) == 400
    assert post(b"\xff\xfe") == 400
    assert post(b'{"text": "' + b"x" * 1024 * 1024 + b'"}') == 413
    assert len(sandbox.journal()) == 9
    assert sandbox.journal()[-1]["body"] is None


def test_refuses_a_body_that_cannot_be_decoded(sandbox: Client) -> None:
    headers = {**GO, "Content-Encoding": "gzip"}
    # aiohttp resets this connection after its answer, so the client may not get to read the 400.
    with suppress(httpx.TransportError):
        response = httpx.post(f"{sandbox.url}/uazapi/send/text", headers=headers, content=b"not gzip")
        assert response.status_code == 400

    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:400"]


def test_page_and_health_answer(sandbox: Client) -> None:
    assert sandbox.http.get("/_sandbox/health").json() == {"status": "healthy"}
    page = sandbox.http.get("/", follow_redirects=True)
    assert page.headers["Content-Type"].startswith("text/html")
    assert 'lang="pt-BR"' in page.text
    assert "http" not in page.text.replace(
        "http-equiv", ""
    )  # self-contained: nothing is fetched from elsewhere


def test_unknown_path_is_json_and_unjournaled_outside_the_mounts(sandbox: Client) -> None:
    response = sandbox.http.get("/elsewhere")

    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})
    assert sandbox.journal() == []
