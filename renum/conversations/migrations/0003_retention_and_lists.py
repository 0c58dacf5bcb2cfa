"""The daily task of retention, and the indexes of the lists of contacts and doubts."""

from django.db import migrations, models

from renum.periodic import every


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0002_identities_and_policies"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="identitydoubt", name="identity_doubts_time"),
        migrations.AddIndex(
            model_name="identitydoubt",
            index=models.Index(fields=["-resolved_at", "-created_at"], name="identity_doubts_open_first"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["client", "-created_at"], name="contacts_client_created"),
        ),
        every(86_400, "renum.conversations.apply_retention", queue="low"),
    ]
