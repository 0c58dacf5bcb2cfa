"""The bases of API views: authenticate, find the client asked about, bind the tenant scope."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.views import APIView

from renum.accounts import scope, selectors
from renum.accounts.models import Client, Profile
from renum.api.body import give_length
from renum.errors import InvalidInput
from renum.events.cause import Cause


class ChunkedMixin:
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        give_length(request)
        return super().initialize_request(request, *args, **kwargs)  # type: ignore[misc]


class NonAtomicMixin:
    """Opts a view out of ATOMIC_REQUESTS; it opens short transactions where it needs them."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return transaction.non_atomic_requests(super().as_view(**initkwargs))  # type: ignore[misc]


class TenantView(ChunkedMixin, APIView):
    """A view about one client's things, in one transaction under the caller's scope.

    `self.client` is the caller's own company, or for staff the one named by `?client_id=` or
    `X-Client-Id`. Queries see what row-level security lets the caller see.
    """

    client: Client

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if transaction.get_connection().in_atomic_block:
            scope.bind_profile(self.profile.id)
            self.client = self._find_client(request)
        else:
            with self.scope():
                self.client = self._find_client(request)

    def scope(self) -> AbstractContextManager[None]:
        """A short transaction under the caller's scope, for views that talk to the network."""
        return scope.profile_scope(self.profile.id)

    @property
    def profile(self) -> Profile:
        """Who is asking."""
        assert isinstance(self.request.user, Profile)
        return self.request.user

    @property
    def asked_by(self) -> Cause:
        """The beginning of the chain of causes of what this request does."""
        return Cause().then("profile", self.profile.id)

    def _find_client(self, request: Request) -> Client:
        return selectors.client_for(self.profile, _requested_client(request))


class NetworkView(NonAtomicMixin, TenantView):
    """A view that calls a provider or waits: no transaction spans the request (rule I5).

    It reads and writes inside `with self.scope():` blocks.
    """


def _requested_client(request: Request) -> UUID | None:
    text = request.query_params.get("client_id") or request.headers.get("X-Client-Id")
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(details={"client_id": ["Não é um UUID."]}) from error
