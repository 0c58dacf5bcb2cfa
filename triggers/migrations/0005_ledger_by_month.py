"""The ledger in a part for each month, and what matched once beside it.

A unique key of a partitioned table must contain its month, so that "once" needs a table of its own. The parts
lie in a schema where the runtime may do nothing: rows are reached through the ledger, whose policies hold.
"""

import uuid

import django.db.models.deletion
import renum.clock
from django.db import migrations, models
from renum.accounts.rls import over_all_clients, tenant_table
from renum.periodic import every

PARTS = """
CREATE SCHEMA IF NOT EXISTS ledger;
ALTER TABLE trigger_executions RENAME TO trigger_executions_before;
ALTER TABLE trigger_executions_before RENAME CONSTRAINT trigger_executions_pkey TO trigger_executions_before_pkey;
DROP INDEX idx_executions_trigger, idx_executions_client, idx_executions_executed_at, idx_executions_conversation;
CREATE TABLE trigger_executions (LIKE trigger_executions_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (created_at);
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
COPY = """
INSERT INTO trigger_executions SELECT * FROM trigger_executions_before;
INSERT INTO trigger_occurrences
    (id, trigger_id, client_id, conversation_id, subject, occurrence, execution_id, recorded_at)
SELECT gen_random_uuid(), trigger_id, client_id, conversation_id, subject, occurrence, id, created_at
FROM trigger_executions_before
"""


class Migration(migrations.Migration):
    dependencies = [
        ("triggers", "0004_schedules"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.CreateModel(
            name="TriggerOccurrence",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("subject", models.UUIDField()),
                ("occurrence", models.DateTimeField()),
                ("execution_id", models.UUIDField()),
                ("recorded_at", models.DateTimeField()),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="accounts.client"
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="conversations.conversation",
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="triggers.trigger",
                    ),
                ),
            ],
            options={
                "db_table": "trigger_occurrences",
                "indexes": [models.Index(fields=["client", "-recorded_at"], name="trigger_occurrences_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("trigger", "subject", "occurrence"), name="trigger_occurrences_once"
                    )
                ],
            },
        ),
        tenant_table("trigger_occurrences", "trigger occurrences", client_writes=False),
        migrations.RemoveConstraint(model_name="triggerexecution", name="trigger_executions_once"),
        migrations.RemoveIndex(model_name="triggerexecution", name="idx_executions_matched"),
        migrations.AddField(
            model_name="triggerexecution",
            name="matched_at",
            field=models.DateTimeField(default=renum.clock.now, verbose_name="encontrada em"),
        ),
        migrations.RunSQL(PARTS, migrations.RunSQL.noop),
        migrations.RunSQL(
            KEYS,
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AddIndex(
                    model_name="triggerexecution",
                    index=models.Index(
                        condition=models.Q(("state", "matched")),
                        fields=["matched_at"],
                        name="idx_executions_matched",
                    ),
                ),
            ],
        ),
        # After the keys: of rows that are there already Postgres would look for their clients by the policies.
        over_all_clients(COPY, "trigger_executions_before", "trigger_executions", "trigger_occurrences"),
        migrations.RunSQL("DROP TABLE trigger_executions_before", migrations.RunSQL.noop),
        tenant_table("trigger_executions", "trigger executions", client_writes=False),
        every(86_400, "triggers.keep_ledger_parts", queue="low"),
    ]
