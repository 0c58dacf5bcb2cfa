"""A run that was asked for names its agent by the id, which no renaming changes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("agent_tools", "0007_receipts"),
    ]

    operations = [
        migrations.AddField(
            model_name="agentrun",
            name="asked_id",
            field=models.UUIDField(editable=False, null=True, verbose_name="agente solicitado"),
        ),
    ]
