"""Visit the support console in tests."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from renum.accounts.models import Profile
from renum.accounts.scope import service_scope


def console_of(profile: Profile) -> Client:
    """A browser that is logged in to the console."""
    browser = Client()
    with service_scope(reason="test log-in"):
        browser.force_login(profile)
    return browser


def list_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def add_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def page_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def delete_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])


def run_action(browser: Client, name: str, *rows: Model) -> Any:
    """Carry out an action on the rows' list, as its form would; returns the list that follows."""
    chosen = [str(row.pk) for row in rows]
    return browser.post(list_url(type(rows[0])), {"action": name, "_selected_action": chosen}, follow=True)


def text_of(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.request["PATH_INFO"])
    return str(response.content.decode())
