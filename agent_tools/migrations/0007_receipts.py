"""What a tool answered under an idempotency key is kept, so that it is not done again."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

import renum.clock
from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):

    dependencies = [
        ("agent_tools", "0006_runs_of_an_agent"),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentReceipt",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=250)),
                ("essence", models.CharField(max_length=64)),
                ("receipt", models.JSONField()),
                ("created_at", models.DateTimeField(default=renum.clock.now, verbose_name="quando")),
                ("client", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="accounts.client", verbose_name="cliente")),
                ("run", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="receipts", to="agent_tools.agentrun", verbose_name="execução")),
            ],
            options={
                "verbose_name": "recibo de ferramenta",
                "verbose_name_plural": "recibos de ferramentas",
                "db_table": "agent_receipts",
                "constraints": [models.UniqueConstraint(fields=("client", "key"), name="agent_receipts_once")],
            },
        ),
        tenant_table("agent_receipts", "receipts of agents' tools", client_writes=False),
    ]
