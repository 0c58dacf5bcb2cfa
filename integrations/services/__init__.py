"""Writes over integrations, messages, templates and the rules of sending."""

from integrations.providers.mail import normalize_email
from integrations.services.changes import change_integration, change_integrations, remove_integration
from integrations.services.connections import (
    check_integration,
    configure,
    previous_settings,
    restore_previous,
    token_index,
    webhook_key_index,
    webhook_url,
)
from integrations.services.databases import check_sql, has_sql_mode, list_tables, read_rows, read_sql
from integrations.services.policies import (
    allow_new_chats,
    change_policy,
    switch_everything,
)
from integrations.services.probing import Checked
from integrations.services.sending import compose_mail, has_tag, send_mail, send_media, send_whatsapp_text
from integrations.services.sessions import note_session
from integrations.services.templates import change_template, check_template_fields, create_template

__all__ = [
    "Checked",
    "allow_new_chats",
    "change_integration",
    "change_integrations",
    "change_policy",
    "change_template",
    "check_integration",
    "check_sql",
    "check_template_fields",
    "compose_mail",
    "configure",
    "create_template",
    "has_sql_mode",
    "has_tag",
    "list_tables",
    "normalize_email",
    "note_session",
    "previous_settings",
    "read_rows",
    "read_sql",
    "remove_integration",
    "restore_previous",
    "send_mail",
    "send_media",
    "send_whatsapp_text",
    "switch_everything",
    "token_index",
    "webhook_key_index",
    "webhook_url",
]
