"""The demo data of `make up`: three logins, two companies, and conversations that have gone quiet."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.hashers import make_password

from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.accounts.services import note_new_client
from renum.conversations.identity import Person
from renum.conversations.models import Message
from renum.conversations.services import open_conversation, record_message
from renum.events.cause import Cause

PASSWORD = "renum-demo"  # noqa: S105  published in the README; refused in production
IDLE = timedelta(days=4)
COMPANIES = {
    "Acme": ("alice@acme.example", "Alice", [("+5511987650001", "Marina"), ("+5521987650002", "João")]),
    "Globex": ("bob@globex.example", "Bob", [("+5531987650003", "Lívia")]),
}


def create_demo() -> bool:
    """Create what is missing; returns False, having changed nothing, if the demo is there already."""
    with service_scope(reason="demo data"):
        if Profile.objects.filter(email="sofia@renum.example").exists():
            return False
        profiles = [Profile.objects.create_superuser("sofia@renum.example", full_name="Sofia")]
        for company, (email, name, contacts) in COMPANIES.items():
            profile = Profile.objects.create_user(email, full_name=name)
            profiles.append(profile)
            client = Client.objects.create(profile=profile, name=company)
            note_new_client(client.id)
            for phone, contact_name in contacts:
                _create_quiet_conversation(client, phone, contact_name)
        password = make_password(PASSWORD)  # once: it takes a third of a second
        Profile.objects.filter(id__in=[one.id for one in profiles]).update(password=password)
    return True


def _create_quiet_conversation(client: Client, phone: str, name: str) -> None:
    at = clock.now() - IDLE
    cause = Cause().then("demo", client.id)
    conversation = open_conversation(client.id, Person(phone=phone, name=name), cause=cause, at=at)
    record_message(
        conversation,
        direction=Message.Direction.INBOUND,
        author=Message.Author.CONTACT,
        state=Message.State.RECEIVED,
        length=24,
        cause=cause,
        occurred_at=at,
    )
