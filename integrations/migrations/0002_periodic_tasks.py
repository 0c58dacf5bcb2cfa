"""The periodic tasks of this app."""

from django.db import migrations

from renum.periodic import every


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        every(5, "integrations.sweep_outbox", queue="high"),
    ]
