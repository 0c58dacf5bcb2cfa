"""The periodic tasks of this app."""

from django.db import migrations

from renum.periodic import every


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        every(86_400, "renum.delete_expired_sessions", queue="low"),
        every(10, "renum.sing", queue="high", name="renum.sing in high", kwargs={"queue": "high"}),
        every(10, "renum.sing", queue="normal", name="renum.sing in normal", kwargs={"queue": "normal"}),
        every(10, "renum.sing", queue="low", name="renum.sing in low", kwargs={"queue": "low"}),
    ]
