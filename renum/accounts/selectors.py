"""Reads over clients and profiles."""

from __future__ import annotations

from uuid import UUID

from renum.accounts.errors import ClientNotFound, ClientNotNamed
from renum.accounts.models import Client, Profile


def client_for(profile: Profile, requested: UUID | None) -> Client:
    """The client whose things this request is about, read under the profile's scope.

    Staff name one; anybody else has their own, and another's id is `ClientNotFound`.
    """
    if profile.is_admin:
        if requested is None:
            raise ClientNotNamed
        client = Client.objects.filter(id=requested).first()
    else:
        client = Client.objects.filter(profile=profile).first()
    if client is None or (requested is not None and client.id != requested):
        raise ClientNotFound
    return client
