"""Former secrets that still open our webhook; the one message that may follow an opt-out."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_periodic_tasks'),
        ('integrations', '0008_message_templates'),
    ]

    operations = [
        migrations.AddField(
            model_name='integration',
            name='previous_token_index',
            field=models.CharField(blank=True, default='', editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='integration',
            name='previous_valid_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='outboundmessage',
            name='confirms_opt_out',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name='integration',
            index=models.Index(fields=['previous_token_index'], name='integrations_former_token'),
        ),
    ]
