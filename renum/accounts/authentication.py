"""Log-ins that work behind row-level security."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from renum.accounts.models import Client, Profile
from renum.accounts.scope import profile_scope, service_scope


class ScopedModelBackend(ModelBackend):
    """The admin's sessions: the profile is read before anybody is known, so under service scope."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kw: Any
    ) -> Profile | None:
        email = (username or kw.get("email") or "").strip().lower()
        with service_scope(reason="check a password"):
            found = super().authenticate(request, username=email, password=password)
        return found if isinstance(found, Profile) else None

    def get_user(self, user_id: Any) -> Profile | None:
        with service_scope(reason="load the profile of a session"):
            found = super().get_user(user_id)
        return found if isinstance(found, Profile) else None


class ScopedJWTAuthentication(JWTAuthentication):
    """Bearer tokens: the token's own subject is the scope that its profile is read under."""

    def get_user(self, validated_token: Token) -> Profile:  # type: ignore[override]
        try:
            profile_id = UUID(str(validated_token["sub"]))
        except (KeyError, ValueError) as error:
            raise InvalidToken from error
        with profile_scope(profile_id):
            profile = Profile.objects.filter(id=profile_id, is_active=True).first()
            if profile is None:
                raise InvalidToken
            if not profile.is_admin and not _has_active_client(profile):
                raise InvalidToken
        return profile


def _has_active_client(profile: Profile) -> bool:
    return Client.objects.filter(profile=profile, status=Client.Status.ACTIVE).exists()
