"""Triggers by the calendar, each with its periodic task."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_service_role"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("triggers", "0003_engine"),
    ]

    operations = [
        migrations.CreateModel(
            name="TriggerSchedule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("recorded_until", models.DateTimeField()),
                ("next_slot_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.client"),
                ),
                (
                    "periodic_task",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="trigger_schedule",
                        to="django_celery_beat.periodictask",
                    ),
                ),
                (
                    "trigger",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calendar",
                        to="triggers.trigger",
                    ),
                ),
            ],
            options={
                "db_table": "trigger_schedules",
                "indexes": [models.Index(fields=["next_slot_at"], name="trigger_schedules_due")],
            },
        ),
        tenant_table("trigger_schedules", "trigger schedules"),
    ]
