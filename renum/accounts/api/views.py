from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from renum.accounts import services
from renum.accounts.api.serializers import LoginSerializer, RefreshSerializer, TokenPairSerializer
from renum.api.client_address import counted_address
from renum.api.throttling import spend
from renum.api.views import ChunkedMixin, NonAtomicMixin


class _SessionView(NonAtomicMixin, ChunkedMixin, APIView):
    """Anonymous. Not atomic: a refused refresh must still commit the family's revocation."""

    permission_classes = (AllowAny,)
    authentication_classes = ()


class LoginView(_SessionView):
    @extend_schema(request=LoginSerializer, responses=TokenPairSerializer, operation_id="auth_login")
    def post(self, request: Request) -> Response:
        """Open a session: an access token for 30 minutes and a refresh token for one use."""
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        email = serializer.validated_data["email"]
        spend("10/minute", "login", email.lower(), counted_address(request.META))
        pair = services.log_in(request._request, email, serializer.validated_data["password"])
        return Response(pair._asdict())


class RefreshView(_SessionView):
    @extend_schema(request=RefreshSerializer, responses=TokenPairSerializer, operation_id="auth_refresh")
    def post(self, request: Request) -> Response:
        """Exchange the refresh token for a new pair. A second use of it ends the session."""
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(services.refresh(serializer.validated_data["refresh"])._asdict())
