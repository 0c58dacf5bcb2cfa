"""What a message is, what became of it after it was sent, and who did not get a mail."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('integrations', '0003_integration_slots_and_removal'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboundmessage',
            name='kind',
            field=models.CharField(choices=[('text', 'Texto'), ('media', 'Mídia'), ('mail', 'E-mail')], default='text', max_length=10, verbose_name='tipo'),
        ),
        migrations.AddField(
            model_name='outboundmessage',
            name='attempts_spared',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='outboundmessage',
            name='delivered_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='entregue em'),
        ),
        migrations.AddField(
            model_name='deliveryattempt',
            name='refused_recipients',
            field=models.JSONField(blank=True, default=list, verbose_name='destinatários recusados'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(condition=models.Q(('state__in', ['sent', 'unknown'])), fields=['client', 'recipient_index', 'finished_at'], name='outbound_recipient_sent'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(condition=models.Q(('state', 'unknown')), fields=['integration', 'finished_at'], name='outbound_unknown'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(fields=['client', 'recipient_index', '-queued_at'], name='outbound_recipient_time'),
        ),
    ]
