from rest_framework import serializers

from renum.api.serializers import StrictCharField, StrictSerializer


class LoginSerializer(StrictSerializer):
    email = StrictCharField(max_length=254)
    password = StrictCharField(max_length=1024, trim_whitespace=False, write_only=True)


class RefreshSerializer(StrictSerializer):
    refresh = StrictCharField(max_length=4096)


class TokenPairSerializer(serializers.Serializer):  # type: ignore[type-arg]
    access = serializers.CharField()
    refresh = serializers.CharField()
