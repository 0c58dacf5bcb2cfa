"""Sessions: pairs of access and refresh tokens, the latter good for one use; and what a new client gets."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth import authenticate
from django.http import HttpRequest
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from renum import clock
from renum.accounts.errors import LoginFailed, RefreshRefused
from renum.accounts.models import Client, Profile, RefreshSession
from renum.accounts.scope import service_scope


class TokenPair(NamedTuple):
    access: str
    refresh: str


def log_in(request: HttpRequest, email: str, password: str) -> TokenPair:
    """Check the password and open a session; raises `LoginFailed`, whatever the reason."""
    profile = authenticate(request, username=email, password=password)
    if not isinstance(profile, Profile):
        raise LoginFailed
    with service_scope(reason="open a session"):
        return open_session(profile, family=uuid.uuid4(), refused=LoginFailed)


def refresh(token: str) -> TokenPair:
    """Exchange a refresh token for a new pair. Profile and client are read again.

    A token is consumed by one UPDATE, so that of many concurrent uses one succeeds. A use after
    that revokes the whole family: somebody has a copy. Raises `RefreshRefused`.
    """
    try:
        claims = RefreshToken(token)  # type: ignore[arg-type]
        session_id, family = uuid.UUID(claims["jti"]), uuid.UUID(claims["family"])
    except (TokenError, KeyError, ValueError) as error:
        raise RefreshRefused from error
    now = clock.now()
    with service_scope(reason="refresh a session"):
        consumed = RefreshSession.objects.filter(
            id=session_id, consumed_at=None, revoked_at=None, expires_at__gt=now
        ).update(consumed_at=now)
        if consumed:
            profile = Profile.objects.get(refresh_sessions__id=session_id)
            return open_session(profile, family=family, refused=RefreshRefused)
        RefreshSession.objects.filter(family=family, revoked_at=None).update(revoked_at=now)
    raise RefreshRefused


def open_session(profile: Profile, *, family: uuid.UUID, refused: type[Exception]) -> TokenPair:
    client = Client.objects.filter(profile=profile).first()
    suspended = client is None or client.status != Client.Status.ACTIVE
    if not profile.is_active or (suspended and not profile.is_admin):
        raise refused
    token = RefreshToken.for_user(profile)
    token["jti"] = (session_id := uuid.uuid4()).hex
    token["family"] = str(family)
    token["role"] = profile.role
    token["client_id"] = str(client.id) if client else None
    RefreshSession.objects.create(
        id=session_id,
        family=family,
        profile=profile,
        expires_at=datetime.fromtimestamp(token["exp"], tz=clock.now().tzinfo),
    )
    access = token.access_token
    del access["family"]
    return TokenPair(access=str(access), refresh=str(token))


def delete_expired_sessions() -> int:
    """Forget refresh tokens that could not be used any more; returns how many."""
    with service_scope(reason="forget expired sessions"):
        return RefreshSession.objects.filter(expires_at__lt=clock.now()).delete()[0]


# --- New clients ----------------------------------------------------------------------------------------

# What later apps give a client that is new; they add it in their `apps.py`.
_ON_NEW_CLIENT: list[Callable[[uuid.UUID], None]] = []


def on_new_client(act: Callable[[uuid.UUID], None]) -> None:
    """Have `act` called, in the transaction, with the id of each client that is made."""
    if act not in _ON_NEW_CLIENT:
        _ON_NEW_CLIENT.append(act)


def note_new_client(client_id: uuid.UUID) -> None:
    """Give a client that was just made what every client has. The caller is in the service scope."""
    for act in _ON_NEW_CLIENT:
        act(client_id)
