"""Triggers, what they wait for, and the ledger of what they did.

The ledger is in a part for each month, and what matched once is beside it: a unique key of a partitioned table
must contain its month. The parts lie in a schema where the runtime may do nothing: rows are reached through the
ledger, whose policies hold.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import renum.clock
import uuid
from django.db import migrations, models

from renum.accounts.rls import tenant_table
from renum.periodic import every


LEDGER = """
CREATE TABLE trigger_executions (
    id uuid NOT NULL,
    occurrence timestamptz NOT NULL,
    state varchar(10) NOT NULL,
    reason_code varchar(40) NOT NULL,
    executed_at timestamptz NOT NULL,
    condition_met boolean NOT NULL,
    action_executed boolean NOT NULL,
    result jsonb,
    error_message text,
    execution_time_ms integer CHECK (execution_time_ms >= 0),
    cause text[] NOT NULL,
    created_at timestamptz NOT NULL,
    client_id uuid NOT NULL,
    conversation_id uuid,
    trigger_id uuid NOT NULL,
    event_id uuid,
    steps jsonb NOT NULL,
    subject uuid NOT NULL,
    values_seen jsonb NOT NULL,
    matched_at timestamptz NOT NULL
) PARTITION BY RANGE (created_at);
CREATE SCHEMA ledger;
CREATE TABLE ledger.trigger_executions_rest PARTITION OF trigger_executions DEFAULT;

-- Makes the parts of the months to come, and drops those that ended before a moment; returns how many it
-- dropped. Nothing younger than 30 days can be dropped by it, whatever is asked.
CREATE FUNCTION keep_ledger_parts(months_ahead int, drop_before timestamptz) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    beginning timestamptz;
    part record;
    dropped int := 0;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('keep_ledger_parts'));
    FOR ahead IN 0 .. least(greatest(months_ahead, 0), 24) LOOP
        beginning := date_trunc('month', now(), 'UTC') + make_interval(months => ahead);
        name := 'trigger_executions_' || to_char(beginning AT TIME ZONE 'UTC', 'YYYY_MM');
        CONTINUE WHEN to_regclass(format('ledger.%I', name)) IS NOT NULL;
        -- What came before its month lies in the rest. It moves when the part is there: to attach one with
        -- rows, Postgres would look for their clients by the policies that stop the owner too.
        CREATE TEMP TABLE early ON COMMIT DROP AS SELECT * FROM ledger.trigger_executions_rest
            WHERE created_at >= beginning AND created_at < beginning + interval '1 month';
        DELETE FROM ledger.trigger_executions_rest
            WHERE created_at >= beginning AND created_at < beginning + interval '1 month';
        EXECUTE format(
            'CREATE TABLE ledger.%I PARTITION OF public.trigger_executions FOR VALUES FROM (%L) TO (%L)',
            name, beginning, beginning + interval '1 month');
        EXECUTE format('INSERT INTO ledger.%I SELECT * FROM early', name);
        DROP TABLE early;
    END LOOP;
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.trigger_executions'::regclass
            AND c.relname ~ '^trigger_executions_[0-9]{4}_[0-9]{2}$'
            AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC'
                <= least(drop_before, now() - interval '30 days')
    LOOP
        EXECUTE format('DROP TABLE ledger.%I', part.relname);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION keep_ledger_parts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_ledger_parts TO renum_service;
"""
NO_LEDGER = """
DROP TABLE trigger_executions;
DROP FUNCTION keep_ledger_parts;
DROP SCHEMA ledger;
"""
KEYS = """
ALTER TABLE trigger_executions ADD PRIMARY KEY (id, created_at);
ALTER TABLE trigger_executions
    ADD CONSTRAINT trigger_executions_trigger FOREIGN KEY (trigger_id) REFERENCES triggers (id)
        DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT trigger_executions_client FOREIGN KEY (client_id) REFERENCES clients (id)
        DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT trigger_executions_conversation FOREIGN KEY (conversation_id) REFERENCES conversations (id)
        DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX idx_executions_trigger ON trigger_executions (trigger_id, executed_at DESC);
CREATE INDEX idx_executions_client ON trigger_executions (client_id, executed_at DESC);
CREATE INDEX idx_executions_executed_at ON trigger_executions (executed_at DESC);
CREATE INDEX idx_executions_conversation ON trigger_executions (conversation_id, executed_at DESC);
CREATE INDEX idx_executions_matched ON trigger_executions (matched_at) WHERE state = 'matched';
SELECT keep_ledger_parts(12, NULL);
"""
# Rows of periodic tasks that are still to be checked would bar changes of what refers to them.
SETTLE = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


class Migration(migrations.Migration):

    replaces = [('triggers', '0001_initial'), ('triggers', '0002_periodic_tasks'), ('triggers', '0003_engine'), ('triggers', '0004_schedules'), ('triggers', '0005_ledger_by_month')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0003_service_role'),
        ('conversations', '0001_squashed_0006_moments'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
    ]

    operations = [
        migrations.CreateModel(
            name='Sweep',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('swept_until', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'varredura',
                'verbose_name_plural': 'varreduras',
                'db_table': 'trigger_sweeps',
            },
        ),
        migrations.CreateModel(
            name='Trigger',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255, verbose_name='nome')),
                ('description', models.TextField(blank=True, null=True, verbose_name='descrição')),
                ('active', models.BooleanField(default=True, verbose_name='ativo')),
                ('trigger_type', models.CharField(choices=[('time_based', 'Por tempo'), ('event_based', 'Por evento'), ('condition_based', 'Por condição')], max_length=50, verbose_name='quando')),
                ('trigger_config', models.JSONField(verbose_name='quando: configuração')),
                ('condition_type', models.CharField(default='always', max_length=50, verbose_name='se')),
                ('condition_config', models.JSONField(blank=True, default=dict, verbose_name='se: configuração')),
                ('action_type', models.CharField(max_length=50, verbose_name='então')),
                ('action_config', models.JSONField(verbose_name='então: configuração')),
                ('schema_version', models.PositiveSmallIntegerField(default=2, editable=False)),
                ('rematch', models.BooleanField(default=True, editable=False)),
                ('last_executed_at', models.DateTimeField(blank=True, null=True, verbose_name='última execução')),
                ('execution_count', models.PositiveIntegerField(default=0, verbose_name='execuções')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='criado em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizado em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('active_since', models.DateTimeField(default=renum.clock.now, editable=False, verbose_name='ativo desde')),
                ('event_kind', models.CharField(blank=True, default='', editable=False, max_length=40)),
                ('failures_in_a_row', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('paused_reason', models.CharField(blank=True, default='', editable=False, max_length=40, verbose_name='pausado por')),
            ],
            options={
                'verbose_name': 'gatilho',
                'verbose_name_plural': 'gatilhos',
                'db_table': 'triggers',
                'indexes': [models.Index(fields=['client', '-created_at'], name='idx_triggers_client_id'), models.Index(fields=['trigger_type'], name='idx_triggers_type'), models.Index(condition=models.Q(('active', True), ('rematch', True)), fields=['client'], name='triggers_rematch'), models.Index(condition=models.Q(('active', True)), fields=['client', 'trigger_type', 'event_kind'], name='idx_triggers_active')],
            },
        ),
        tenant_table("triggers", "triggers"),
        migrations.RunSQL(
            LEDGER + KEYS,
            NO_LEDGER,
            state_operations=[
                migrations.CreateModel(
                    name='TriggerExecution',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ('occurrence', models.DateTimeField(verbose_name='ocorrência')),
                        ('state', models.CharField(choices=[('matched', 'Encontrada'), ('done', 'Executada'), ('skipped', 'Dispensada'), ('failed', 'Falhou')], default='matched', max_length=10, verbose_name='situação')),
                        ('reason_code', models.CharField(blank=True, default='', max_length=40, verbose_name='motivo')),
                        ('executed_at', models.DateTimeField(default=renum.clock.now, verbose_name='executada em')),
                        ('condition_met', models.BooleanField(default=False, verbose_name='condição satisfeita')),
                        ('action_executed', models.BooleanField(default=False, verbose_name='ação executada')),
                        ('result', models.JSONField(blank=True, null=True, verbose_name='resultado')),
                        ('error_message', models.TextField(blank=True, null=True, verbose_name='erro')),
                        ('execution_time_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='ms')),
                        ('cause', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None, verbose_name='causa')),
                        ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='criada em')),
                        ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                        ('conversation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='conversations.conversation', verbose_name='conversa')),
                        ('trigger', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='executions', to='triggers.trigger', verbose_name='gatilho')),
                        ('event_id', models.UUIDField(editable=False, null=True, verbose_name='evento')),
                        ('steps', models.JSONField(blank=True, default=list, verbose_name='ações')),
                        ('subject', models.UUIDField(editable=False)),
                        ('values_seen', models.JSONField(blank=True, default=dict, verbose_name='valores vistos')),
                        ('matched_at', models.DateTimeField(default=renum.clock.now, verbose_name='encontrada em')),
                    ],
                    options={
                        'verbose_name': 'execução de gatilho',
                        'verbose_name_plural': 'execuções de gatilhos',
                        'db_table': 'trigger_executions',
                        'indexes': [models.Index(fields=['trigger', '-executed_at'], name='idx_executions_trigger'), models.Index(fields=['client', '-executed_at'], name='idx_executions_client'), models.Index(fields=['-executed_at'], name='idx_executions_executed_at'), models.Index(fields=['conversation', '-executed_at'], name='idx_executions_conversation'), models.Index(condition=models.Q(('state', 'matched')), fields=['matched_at'], name='idx_executions_matched')],
                    },
                ),
            ],
        ),
        tenant_table("trigger_executions", "trigger executions", client_writes=False),
        migrations.CreateModel(
            name='AutomationPolicy',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('paused', models.BooleanField(default=False, verbose_name='automações pausadas')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizada em')),
                ('client', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='automation_policy', to='accounts.client', verbose_name='cliente')),
            ],
            options={
                'verbose_name': 'regras de automação',
                'verbose_name_plural': 'regras de automação',
                'db_table': 'automation_policies',
            },
        ),
        tenant_table("automation_policies", "automation policies"),
        migrations.CreateModel(
            name='TriggerClock',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('field', models.CharField(max_length=80)),
                ('seconds', models.IntegerField()),
                ('is_when', models.BooleanField()),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client')),
                ('trigger', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='clocks', to='triggers.trigger')),
            ],
            options={
                'db_table': 'trigger_clocks',
                'indexes': [models.Index(fields=['field', 'client', 'seconds'], name='trigger_clocks_due'), models.Index(fields=['client'], name='trigger_clocks_client')],
                'constraints': [models.UniqueConstraint(fields=('trigger', 'field', 'seconds', 'is_when'), name='trigger_clocks_once')],
            },
        ),
        tenant_table("trigger_clocks", "trigger clocks"),
        migrations.CreateModel(
            name='TriggerEdge',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateTimeField()),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client')),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='conversations.conversation')),
                ('trigger', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triggers.trigger')),
            ],
            options={
                'db_table': 'trigger_edges',
                'constraints': [models.UniqueConstraint(fields=('trigger', 'conversation'), name='trigger_edges_once')],
            },
        ),
        tenant_table("trigger_edges", "trigger edges", client_writes=False),
        migrations.CreateModel(
            name='TriggerSchedule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_until', models.DateTimeField()),
                ('next_slot_at', models.DateTimeField(null=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='accounts.client')),
                ('periodic_task', models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='trigger_schedule', to='django_celery_beat.periodictask')),
                ('trigger', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='calendar', to='triggers.trigger')),
            ],
            options={
                'db_table': 'trigger_schedules',
                'indexes': [models.Index(fields=['next_slot_at'], name='trigger_schedules_due')],
            },
        ),
        tenant_table("trigger_schedules", "trigger schedules"),
        migrations.CreateModel(
            name='TriggerOccurrence',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('subject', models.UUIDField()),
                ('occurrence', models.DateTimeField()),
                ('execution_id', models.UUIDField()),
                ('recorded_at', models.DateTimeField()),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client')),
                ('conversation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='conversations.conversation')),
                ('trigger', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triggers.trigger')),
            ],
            options={
                'db_table': 'trigger_occurrences',
                'indexes': [models.Index(fields=['client', '-recorded_at'], name='trigger_occurrences_age')],
                'constraints': [models.UniqueConstraint(fields=('trigger', 'subject', 'occurrence'), name='trigger_occurrences_once')],
            },
        ),
        tenant_table("trigger_occurrences", "trigger occurrences", client_writes=False),
        migrations.RunSQL(migrations.RunSQL.noop, SETTLE),
        every(60, "trigger_scheduler", queue="normal"),
        every(86_400, "triggers.keep_ledger_parts", queue="low"),
        migrations.RunSQL(SETTLE, migrations.RunSQL.noop),
    ]
