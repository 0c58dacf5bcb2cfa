"""Clients that were there before the agents get the three that every client has, as they were then."""

from typing import Any

from django.db import migrations

# The owner reads and writes the rows below, without a scope.
OPEN = "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY;"
WALL = "ALTER TABLE {0} FORCE ROW LEVEL SECURITY;"
TABLES = ("clients", "agents")
SETTLE = "SET CONSTRAINTS ALL IMMEDIATE"  # what is still to be checked would bar changes of the tables
BATCH = 500

AGENTS = (
    {
        "name": "discovery",
        "title": "Discovery",
        "prompt": "Você é o agente Discovery. Atenda o lead em português do Brasil, com cordialidade e em "
        "poucas frases. Descubra o que a pessoa precisa, registre a intenção quando ela for clara e chame "
        "uma pessoa da equipe quando pedirem ou quando você não puder ajudar.",
        "tools": [
            "send_whatsapp_message",
            "change_status",
            "detect_intent",
            "request_human",
            "run_named_query",
        ],
        "data_access": "named",
    },
    {
        "name": "isa",
        "title": "ISA",
        "prompt": "Você é a agente ISA e prepara relatórios da empresa por e-mail. Consulte os dados que o "
        "pedido exige, escreva um relatório curto em português do Brasil, com assunto claro, e envie-o por "
        "e-mail ao destinatário pedido.",
        "tools": ["send_email", "query_database", "run_named_query", "query_sql"],
        "data_access": "tables",
    },
    {
        "name": "renus",
        "title": "RENUS",
        "prompt": "Você é o agente RENUS e trabalha para os operadores da empresa. Responda em português "
        "do Brasil, de forma direta, a partir do que as consultas devolverem. Quando não houver dados, diga "
        "isso; quando a leitura não for permitida, diga que não é permitida.",
        "tools": ["send_email", "query_database", "run_named_query", "query_sql"],
        "data_access": "sql",
    },
)


def provide_agents(apps: Any, schema_editor: Any) -> None:
    """Where another agent answers contacts already, it goes on doing so."""
    Client, Agent = apps.get_model("accounts", "Client"), apps.get_model("agent_tools", "Agent")
    answered = set(Agent.objects.filter(answers_whatsapp=True).values_list("client_id", flat=True))
    missing = [
        Agent(
            client_id=client_id,
            answers_whatsapp=values["name"] == "discovery" and client_id not in answered,
            **values,
        )
        for client_id in Client.objects.values_list("id", flat=True)
        for values in AGENTS
    ]
    Agent.objects.bulk_create(missing, ignore_conflicts=True, batch_size=BATCH)
    schema_editor.execute(SETTLE)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_service_role'),
        ('agent_tools', '0004_agents'),
    ]

    operations = [
        *(migrations.RunSQL(OPEN.format(table), WALL.format(table)) for table in TABLES),
        migrations.RunPython(provide_agents, migrations.RunPython.noop),
        *(migrations.RunSQL(WALL.format(table), OPEN.format(table)) for table in TABLES),
    ]
