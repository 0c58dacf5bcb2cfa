from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission

from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.console import add_url, console_of, delete_url, list_url, page_url, text_of


def _again(row: Profile | Client) -> Profile | Client:
    with service_scope(reason="test look"):
        return type(row).objects.get(pk=row.pk)


def test_sofia_edits_a_profile(cast: Cast) -> None:
    with service_scope(reason="test rows"):
        group = Group.objects.create(name="Suporte")
    response = console_of(cast.sofia).post(
        page_url(cast.alice),
        {
            "email": "Alice.Silva@acme.test",
            "full_name": "Alice Silva",
            "role": "client",
            "is_active": "on",
            "groups": group.pk,
        },
    )
    assert response.status_code == 302, response.content.decode()
    alice = _again(cast.alice)
    assert isinstance(alice, Profile)
    assert (alice.email, alice.full_name) == ("alice.silva@acme.test", "Alice Silva")
    assert alice.check_password("alice-password-1")
    assert alice.groups.get() == group


def test_sofia_adds_a_profile_who_can_log_in(cast: Cast) -> None:
    response = console_of(cast.sofia).post(
        add_url(Profile),
        {
            "email": "Dora@initech.test",
            "full_name": "Dora",
            "role": "client",
            "password1": "a-Long-enough-1",
            "password2": "a-Long-enough-1",
        },
    )
    assert response.status_code == 302, response.content.decode()
    with service_scope(reason="test look"):
        dora = Profile.objects.get(email="dora@initech.test")
    assert dora.check_password("a-Long-enough-1")
    assert not dora.is_staff


def test_a_weak_password_is_refused(cast: Cast) -> None:
    values = {
        "email": "dora@initech.test",
        "role": "client",
        "password1": "12345678",
        "password2": "12345678",
    }
    assert "errorlist" in text_of(console_of(cast.sofia).post(add_url(Profile), values)).replace(
        "errornote", "errorlist"
    )
    with service_scope(reason="test look"):
        assert not Profile.objects.filter(email="dora@initech.test").exists()


def test_sofia_sets_a_password(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    url = page_url(cast.alice).replace("/change/", "/password/")
    assert "password1" in text_of(sofia.get(url))
    new = {"password1": "a-New-password-2", "password2": "a-New-password-2", "usable_password": "true"}
    assert sofia.post(url, new).status_code == 302
    alice = _again(cast.alice)
    assert isinstance(alice, Profile)
    assert alice.check_password("a-New-password-2")


def test_nobody_deletes_profiles_or_clients(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    for row in (cast.alice, cast.acme):
        assert sofia.post(delete_url(row), {"post": "yes"}).status_code == 403
        assert _again(row) == row


@pytest.fixture
def carla(cast: Cast) -> Profile:
    """Staff who may look at and edit profiles, and no more."""
    with service_scope(reason="test rows"):
        carla = Profile.objects.create_user("carla@renum.test", "carla-password-1", role="admin")
        names = ("view_profile", "change_profile")
        carla.user_permissions.set(Permission.objects.filter(codename__in=names))
    return carla


def test_staff_who_may_edit_profiles_cannot_raise_anybody(cast: Cast, carla: Profile) -> None:
    with service_scope(reason="test rows"):
        group = Group.objects.create(name="Suporte")
    values = {
        "email": "alice@acme.test",
        "full_name": "Alice S.",
        "role": "admin",
        "is_active": "on",
        "is_superuser": "on",
        "groups": group.pk,
    }
    assert console_of(carla).post(page_url(cast.alice), values).status_code == 302
    alice = _again(cast.alice)
    assert isinstance(alice, Profile)
    assert alice.full_name == "Alice S."
    assert (alice.role, alice.is_superuser, alice.groups.count()) == ("client", False, 0)


def test_staff_who_may_edit_profiles_cannot_take_over_other_staff(cast: Cast, carla: Profile) -> None:
    browser = console_of(carla)
    assert browser.post(page_url(cast.sofia), {"email": "carla2@renum.test"}).status_code == 403
    password = {"password1": "a-New-password-2", "password2": "a-New-password-2"}
    url = page_url(cast.sofia).replace("/change/", "/password/")
    assert browser.post(url, password).status_code == 403
    sofia = _again(cast.sofia)
    assert isinstance(sofia, Profile)
    assert sofia.check_password("sofia-password-1")


def test_sofia_suspends_a_client(cast: Cast) -> None:
    values = {
        "name": "Acme",
        "profile": cast.alice.pk,
        "timezone": "America/Manaus",
        "status": "suspended",
    }
    assert console_of(cast.sofia).post(page_url(cast.acme), values).status_code == 302
    acme = _again(cast.acme)
    assert isinstance(acme, Client)
    assert (acme.status, str(acme.timezone)) == ("suspended", "America/Manaus")


def test_a_client_links_to_its_lists(cast: Cast) -> None:
    page = text_of(console_of(cast.sofia).get(page_url(cast.acme)))
    assert f"/admin/conversations/conversation/?client__id__exact={cast.acme.pk}" in page
    assert f"/admin/integrations/outboundmessage/?client__id__exact={cast.acme.pk}" in page


def test_clients_are_found_by_name_and_owner(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    for term in ("acm", "alice@"):
        found = sofia.get(list_url(Client), {"q": term}).context["cl"].result_list
        assert [client.name for client in found] == ["Acme"]
