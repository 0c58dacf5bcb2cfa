"""Work in the support console over HTTP, as a person with a browser would."""

from __future__ import annotations

import html
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx

ZONE = ZoneInfo("America/Sao_Paulo")  # the console's
_FIELD = re.compile(
    r"<(input|textarea|select)\b([^>]*)>(.*?)(?=<(?:input|textarea|select)\b|</form>|\Z)", re.S
)
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


class Console:
    def __init__(self, web: str, email: str = "sofia@renum.example", password: str = "renum-demo"):
        self.http = httpx.Client(base_url=web, timeout=30, headers={"Referer": web})
        page = self.http.get("/admin/login/?next=/admin/")
        answer = self.http.post(
            "/admin/login/?next=/admin/",
            data={"username": email, "password": password, "csrfmiddlewaretoken": _csrf(page.text)},
        )
        assert answer.status_code == 302, answer.text[:500]

    def change(self, path: str, **values: str) -> None:
        """Open a change form, alter some of its fields, and save it."""
        page = self.http.get(path)
        assert page.status_code == 200, path
        form = {**form_values(page.text), **values, "_save": "1"}
        answer = self.http.post(path, data=form)
        assert answer.status_code == 302, _errors(answer.text)

    def run_action(self, changelist: str, action: str, identifier: str) -> None:
        """Select one row of a list and run one of its actions."""
        page = self.http.get(changelist)
        answer = self.http.post(
            changelist,
            data={
                "action": action,
                "_selected_action": identifier,
                "csrfmiddlewaretoken": _csrf(page.text),
            },
        )
        assert answer.status_code == 302, answer.text[:500]

    def periodic_task(self, name: str) -> str:
        """The id of a periodic task, found by its name."""
        page = self.http.get("/admin/django_celery_beat/periodictask/", params={"q": name})
        return re.findall(r"/periodictask/(\d+)/change/", page.text)[0]

    def move_conversation(self, conversation_id: str, at: datetime) -> None:
        local = at.astimezone(ZONE)
        self.change(
            f"/admin/conversations/conversation/{conversation_id}/change/",
            last_message_at_0=local.strftime("%d/%m/%Y"),
            last_message_at_1=local.strftime("%H:%M:%S"),
        )


def _csrf(text: str) -> str:
    return re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[0]


def form_values(page: str) -> dict[str, str]:
    """The values that a browser would post back for a page's fields."""
    found: dict[str, str] = {}
    for tag, attributes, rest in _FIELD.findall(page):
        named = {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(attributes)}
        name = named.get("name")
        if not name:
            continue
        if tag == "select":
            chosen = re.findall(r'<option value="([^"]*)"[^>]*\bselected', rest)
            if chosen:
                found[name] = html.unescape(chosen[0])
        elif tag == "textarea":
            found[name] = html.unescape(rest.split("</textarea>")[0]).lstrip("\n")
        elif named.get("type") in ("checkbox", "radio"):
            if "checked" in named:
                found[name] = named.get("value") or "on"
        elif named.get("type") not in ("submit", "button", "file"):
            found.setdefault(name, named.get("value", ""))
    return found


def _errors(page: str) -> str:
    return " | ".join(re.findall(r'class="[^"]*error[^"]*"[^>]*>(.{0,300})', page, re.S))[:2000] or page[:500]
