"""Profiles, companies and groups of staff. Nobody is deleted: that would take the audit trail along."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from renum.accounts import services
from renum.accounts.models import Client, Profile
from renum.admin_columns import EMPTY, column, link, link_to, moment, name_cause, state
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin

name_cause("profile", _("Perfil"), "accounts", "profile")


def _links_to_lists(client: Client) -> Any:
    """Every list of the console that can be filtered by client."""
    if client._state.adding:
        return EMPTY
    metas = [model._meta for model, one in admin.site._registry.items() if BY_CLIENT in one.list_filter]
    return format_html_join(
        " · ",
        "{}",
        (
            (
                link(
                    f"{reverse(f'admin:{meta.app_label}_{meta.model_name}_changelist')}"
                    f"?client__id__exact={client.pk}",
                    capfirst(meta.verbose_name_plural),
                ),
            )
            for meta in metas
        ),
    )


def _company(profile: Profile) -> Any:
    return link_to(getattr(profile, "client", None))


COMPANY = column("company", _("cliente"), _company)
ROLE = state("role", _("papel"), {Profile.Role.ADMIN: "info"})
STATUS = state("status", _("situação"), {Client.Status.ACTIVE: "success", Client.Status.SUSPENDED: "danger"})
LISTS = column("lists", _("ver"), _links_to_lists)
OWNER = column("profile", _("perfil"), lambda client: link_to(client.profile))


class LowerCaseEmail:
    """Addresses are stored in lower case, however they are typed."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class ProfileChangeForm(LowerCaseEmail, UserChangeForm):  # type: ignore[misc]
    pass


class ProfileCreationForm(LowerCaseEmail, UserCreationForm):  # type: ignore[misc]
    pass


@admin.register(Profile)
class ProfileAdmin(ConsoleAdmin, DjangoUserAdmin):  # type: ignore[misc,type-arg]
    form = ProfileChangeForm
    add_form = ProfileCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "email",
        "full_name",
        COMPANY,
        ROLE,
        "is_active",
        moment("last_login", _("último acesso")),
    )
    list_select_related = ("client",)
    list_filter = ("role", "is_active")
    ordering = ("email",)
    search_fields = ("email", "full_name")
    search_help_text = _("E-mail ou nome")
    filter_horizontal = ("groups",)
    readonly_fields = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("email", "password", "full_name")}),
        (_("Acesso"), {"fields": ("role", "is_active", "groups")}),
        (_("Datas"), {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "full_name", "role", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        # Whoever may edit profiles must not be able to give themselves more than that.
        return fields if _is_superuser(request) else (*fields, "role", "groups")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_admin and not _is_superuser(request) and obj != request.user:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


@admin.register(Client)
class ClientAdmin(ConsoleAdmin):
    list_display = ("name", OWNER, STATUS, "timezone", moment("created_at", _("desde")))
    list_select_related = ("profile",)
    list_filter = ("status",)
    ordering = ("name", "id")
    search_fields = ("name", "profile__email")
    search_help_text = _("Nome ou e-mail")
    autocomplete_fields = ("profile",)
    fields = ("name", "profile", "timezone", "status", LISTS, "created_at", "updated_at")
    readonly_fields = (LISTS, "created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            services.note_new_client(obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ConsoleAdmin, DjangoGroupAdmin):  # type: ignore[misc]
    search_fields = ("name",)
    search_help_text = _("Nome")
