"""A run answers many texts, each a row of its own; a conversation has one run that is not over."""

from typing import Any

import django.contrib.postgres.fields
import django.db.models.deletion
import renum.clock
import renum.security.fields
import uuid
from django.db import migrations, models

from renum.accounts.rls import tenant_table
from renum.security.crypto import DecryptionFailed

# The owner reads and writes the rows below, without a scope.
OPEN = "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY;"
WALL = "ALTER TABLE {0} FORCE ROW LEVEL SECURITY;"
TABLES = ("agent_runs", "agent_run_inputs")
UNFINISHED = ("pending", "running")
GUARDS = """
INSERT INTO agent_run_inputs (id, client_id, run_id, message_id, position, length, created_at)
SELECT gen_random_uuid(), client_id, id, inbound_message_id, 1, 0, created_at FROM agent_runs;
UPDATE agent_runs SET first_text_at = created_at, text_count = 1;
"""
NAMES = """
UPDATE agent_runs r SET
    inbound_message_id = coalesce(
        (SELECT i.message_id FROM agent_run_inputs i WHERE i.run_id = r.id ORDER BY i.position LIMIT 1),
        gen_random_uuid()),
    state = CASE WHEN r.state IN ('skipped', 'superseded') THEN 'done' ELSE r.state END;
"""
SETTLE = "SET CONSTRAINTS ALL IMMEDIATE"  # what is still to be checked would bar changes of the tables


def split_texts(apps: Any, schema_editor: Any) -> None:
    """Seal the texts that wait for the rows they are in now; those of a conversation go into one run."""
    Run, Input = (apps.get_model("agent_tools", name) for name in ("AgentRun", "AgentRunInput"))
    schema_editor.execute(GUARDS)
    gathering: dict[uuid.UUID, Any] = {}
    for run in Run.objects.filter(state__in=UNFINISHED).order_by("conversation_id", "created_at", "id"):
        known = Input.objects.get(run=run)
        try:
            known.text = str(run.input_text or "")
        except DecryptionFailed:
            Run.objects.filter(id=run.id).update(
                state="failed", reason_code="TEXT_UNREADABLE", finished_at=renum.clock.now()
            )
            continue
        first = gathering.setdefault(run.conversation_id, run)
        if first is not run:
            first.text_count += 1
            Run.objects.filter(id=first.id).update(text_count=first.text_count)
            Run.objects.filter(id=run.id).update(
                state="superseded",
                reason_code="SUPERSEDED",
                successor_id=first.id,
                lease_token=None,
                leased_until=None,
                finished_at=renum.clock.now(),
            )
        known.run, known.position, known.length = first, first.text_count, len(known.text)
        known.save()
    schema_editor.execute(SETTLE)


def join_texts(apps: Any, schema_editor: Any) -> None:
    Run, Input = (apps.get_model("agent_tools", name) for name in ("AgentRun", "AgentRunInput"))
    schema_editor.execute(NAMES)
    for run in Run.objects.filter(state__in=UNFINISHED):
        texts = Input.objects.filter(run=run, text__isnull=False).order_by("position")
        run.input_text = "\n".join(str(one.text) for one in texts)
        run.save(update_fields=["input_text"])
    schema_editor.execute(SETTLE)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('agent_tools', '0002_periodic_tasks'),
        ('conversations', '0002_identities_and_policies'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentRunInput',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('message_id', models.UUIDField(verbose_name='mensagem recebida')),
                ('position', models.PositiveIntegerField(verbose_name='posição')),
                ('length', models.PositiveIntegerField(verbose_name='caracteres')),
                ('text', renum.security.fields.SealedTextField(null=True)),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='desde')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inputs', to='agent_tools.agentrun', verbose_name='execução')),
            ],
            options={
                'verbose_name': 'texto recebido',
                'verbose_name_plural': 'textos recebidos',
                'db_table': 'agent_run_inputs',
                'constraints': [models.UniqueConstraint(fields=('client', 'message_id'), name='agent_run_inputs_once')],
            },
        ),
        tenant_table("agent_run_inputs", "texts of agent runs", client_writes=False),
        migrations.AddField(
            model_name='agentrun',
            name='answer_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None, verbose_name='respostas'),
        ),
        migrations.AddField(
            model_name='agentrun',
            name='dropped_count',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='textos deixados de fora'),
        ),
        migrations.AddField(
            model_name='agentrun',
            name='erase_texts_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='agentrun',
            name='first_text_at',
            field=models.DateTimeField(default=renum.clock.now, verbose_name='primeiro texto'),
        ),
        migrations.AddField(
            model_name='agentrun',
            name='successor_id',
            field=models.UUIDField(blank=True, null=True, verbose_name='substituída por'),
        ),
        migrations.AddField(
            model_name='agentrun',
            name='text_count',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='textos'),
        ),
        migrations.AlterField(
            model_name='agentrun',
            name='state',
            field=models.CharField(choices=[('pending', 'Aguardando'), ('running', 'Em andamento'), ('done', 'Concluída'), ('skipped', 'Dispensada'), ('superseded', 'Substituída'), ('failed', 'Falhou')], default='pending', max_length=10, verbose_name='situação'),
        ),
        migrations.RemoveConstraint(
            model_name='agentrun',
            name='agent_runs_inbound_unique',
        ),
        migrations.AlterField(  # so that going back has a place to put the names in
            model_name='agentrun',
            name='inbound_message_id',
            field=models.UUIDField(null=True, verbose_name='mensagem recebida'),
        ),
        *(migrations.RunSQL(OPEN.format(table), WALL.format(table)) for table in TABLES),
        migrations.RunPython(split_texts, join_texts),
        *(migrations.RunSQL(WALL.format(table), OPEN.format(table)) for table in TABLES),
        migrations.RemoveField(
            model_name='agentrun',
            name='inbound_message_id',
        ),
        migrations.RemoveField(
            model_name='agentrun',
            name='input_text',
        ),
        migrations.AddIndex(
            model_name='agentrun',
            index=models.Index(condition=models.Q(('state__in', ('pending', 'running')), ('erase_texts_at__isnull', False), _connector='OR'), fields=['conversation'], name='agent_runs_open'),
        ),
        migrations.AddIndex(
            model_name='agentrun',
            index=models.Index(condition=models.Q(('erase_texts_at__isnull', False)), fields=['erase_texts_at'], name='agent_runs_erase'),
        ),
        migrations.AddConstraint(
            model_name='agentrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('pending', 'running'))), fields=('conversation',), name='agent_runs_one_unfinished'),
        ),
    ]
