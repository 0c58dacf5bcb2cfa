"""A row in every tenant table for one client."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models

from renum.accounts.models import Client
from tests import factories

# table -> whether clients may write it
TENANT_TABLES = {
    "contacts": True,
    "contact_aliases": True,
    "identity_doubts": True,
    "conversation_policies": True,
    "contact_dates": True,
    "conversations": True,
    "messages": True,
    "suppressions": True,
    "events": True,
    "integrations": True,
    "outbound_messages": True,
    "delivery_attempts": False,
    "delivery_states": False,
    "delivery_policies": True,
    "message_templates": True,
    "triggers": True,
    "trigger_clocks": True,
    "trigger_edges": False,
    "trigger_schedules": True,
    "trigger_executions": False,
    "trigger_occurrences": False,
    "automation_policies": True,
    "inbound_events": False,
    "agent_runs": False,
    "agent_run_inputs": False,
    "agent_steps": False,
    "agent_receipts": False,
    "agents": True,
    "named_queries": False,
}


def model_of(table: str) -> Any:
    return next(model for model in apps.get_models() if model._meta.db_table == table)


def fill_tenant(client: Client) -> dict[str, models.Model]:
    """Make at least one row of the client in each tenant table; returns one of each."""
    conversation = factories.make_conversation(client)
    integration = factories.make_integration(client)
    outbound = factories.make_outbound(conversation, integration=integration)
    trigger = factories.make_trigger(client)
    run = factories.make_agent_run(conversation)
    rows = (
        conversation.contact,
        factories.make_alias(conversation.contact),
        factories.make_contact_date(conversation.contact),
        factories.make_doubt(conversation.contact),
        factories.make_conversation_policy(client),
        conversation,
        factories.make_message(conversation),
        factories.make_suppression(client),
        factories.make_event(client, conversation=conversation),
        integration,
        outbound,
        factories.make_attempt(outbound),
        factories.make_delivery_state(integration),
        factories.make_policy(client),
        factories.make_template(client),
        trigger,
        factories.make_clock(trigger),
        factories.make_edge(trigger, conversation),
        factories.make_schedule(trigger),
        factories.make_execution(trigger, conversation),
        factories.make_occurrence(trigger, conversation),
        factories.make_automation_policy(client),
        factories.make_inbound(integration),
        run,
        factories.make_run_input(run, position=2),
        factories.make_step(run),
        factories.make_receipt(run),
        factories.make_agent(client),
        factories.make_named_query(client),
    )
    return {row._meta.db_table: row for row in rows}
