"""The inbox."""

import django.db.models.deletion
import renum.clock
import renum.security.fields
import uuid
from django.db import migrations, models

from renum.accounts.rls import tenant_table
from renum.periodic import every


class Migration(migrations.Migration):

    replaces = [('webhooks', '0001_initial'), ('webhooks', '0002_periodic_tasks'), ('webhooks', '0003_unchecked_client')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0003_service_role'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
        ('integrations', '0001_squashed_0009_former_secrets_and_confirmations'),
    ]

    operations = [
        migrations.CreateModel(
            name='InboundEvent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40, verbose_name='tipo')),
                ('dedup_key', models.CharField(max_length=200, verbose_name='chave')),
                ('chat_index', models.CharField(blank=True, editable=False, max_length=64)),
                ('payload', renum.security.fields.SealedJSONField(null=True)),
                ('state', models.CharField(choices=[('pending', 'Aguardando'), ('done', 'Processado'), ('ignored', 'Ignorado'), ('failed', 'Falhou')], default='pending', max_length=10, verbose_name='situação')),
                ('reason_code', models.CharField(blank=True, default='', max_length=40, verbose_name='motivo')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='tentativas')),
                ('next_attempt_at', models.DateTimeField(default=renum.clock.now, verbose_name='próxima tentativa')),
                ('received_at', models.DateTimeField(default=renum.clock.now, verbose_name='recebido em')),
                ('processed_at', models.DateTimeField(blank=True, null=True, verbose_name='processado em')),
                ('client', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('integration', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='integrations.integration', verbose_name='integração')),
            ],
            options={
                'verbose_name': 'evento recebido',
                'verbose_name_plural': 'eventos recebidos',
                'db_table': 'inbound_events',
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['received_at'], name='inbound_events_pending'), models.Index(condition=models.Q(('state', 'pending')), fields=['integration', 'chat_index', 'received_at'], name='inbound_events_chat_pending'), models.Index(fields=['client', '-received_at'], name='inbound_events_client_time'), models.Index(fields=['-received_at'], name='inbound_events_time'), models.Index(fields=['state', '-received_at'], name='inbound_events_state_time')],
                'constraints': [models.UniqueConstraint(fields=('integration', 'dedup_key'), name='inbound_events_once')],
            },
        ),
        tenant_table("inbound_events", "inbound events", client_writes=False),
        every(5, "webhooks.process_inbox", queue="high"),
    ]
