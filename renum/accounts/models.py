"""Who uses RENUM: profiles (people who log in) and clients (the companies they belong to)."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from timezone_field import TimeZoneField


class ProfileManager(BaseUserManager["Profile"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Profile:
        profile = self.model(email=email.strip().lower(), **fields)
        profile.set_password(password)
        profile.save()
        return profile

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Profile:
        return self.create_user(email, password, role=Profile.Role.ADMIN, is_superuser=True, **fields)


class Profile(AbstractBaseUser, PermissionsMixin):
    """A person who logs in with e-mail and password. Role `admin` is RENUM's staff."""

    class Role(models.TextChoices):
        ADMIN = "admin", _("Equipe RENUM")
        CLIENT = "client", _("Cliente")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"), max_length=254, unique=True)
    full_name = models.CharField(_("nome"), max_length=150, blank=True)
    role = models.CharField(_("papel"), max_length=10, choices=Role, default=Role.CLIENT)
    is_active = models.BooleanField(_("ativo"), default=True)
    created_at = models.DateTimeField(_("criado em"), auto_now_add=True)

    objects: ClassVar[ProfileManager] = ProfileManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "profiles"
        verbose_name = _("perfil")
        verbose_name_plural = _("perfis")
        constraints = (
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="profiles_email_lower"),
            models.CheckConstraint(
                condition=models.Q(role__in=["admin", "client"]), name="profiles_role_known"
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        """Django's gate to the admin."""
        return self.role == self.Role.ADMIN

    @property
    def is_admin(self) -> bool:
        return self.role == self.Role.ADMIN


class Client(models.Model):
    """A company. Everything it has carries its id, and row-level security keeps it apart."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Ativo")
        SUSPENDED = "suspended", _("Suspenso")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.OneToOneField(
        Profile, on_delete=models.PROTECT, related_name="client", verbose_name=_("perfil")
    )
    name = models.CharField(_("nome"), max_length=255)
    timezone = TimeZoneField(_("fuso horário"), default="America/Sao_Paulo")
    status = models.CharField(_("situação"), max_length=10, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField(_("criado em"), auto_now_add=True)
    updated_at = models.DateTimeField(_("atualizado em"), auto_now=True)

    class Meta:
        db_table = "clients"
        verbose_name = _("cliente")
        verbose_name_plural = _("clientes")

    def __str__(self) -> str:
        return self.name


class RefreshSession(models.Model):
    """A refresh token that was handed out. It can be used once; using it again ends its family."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # the token's `jti`
    family = models.UUIDField()
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="refresh_sessions")
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "refresh_sessions"
        indexes = (
            models.Index(fields=["family"], name="refresh_sessions_family"),  # revoke_family
            models.Index(fields=["expires_at"], name="refresh_sessions_expiry"),  # delete_expired
        )
