"""The log of what happened to a client's things."""

import django.contrib.postgres.fields
import django.db.models.deletion
import renum.clock
import uuid
from django.db import migrations, models

from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):

    replaces = [('events', '0001_initial'), ('events', '0002_more_kinds'), ('events', '0003_kinds_of_conversations'), ('events', '0004_unconsidered_events'), ('events', '0005_agent_events')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0003_service_role'),
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('message_received', 'Mensagem recebida'), ('message_sent', 'Mensagem enviada'), ('message_failed', 'Mensagem não enviada'), ('message_unknown', 'Envio incerto'), ('conversation_opened', 'Conversa aberta'), ('status_changed', 'Situação alterada'), ('integration_configured', 'Integração configurada'), ('integration_refused', 'Credenciais recusadas'), ('integration_changed', 'Integração alterada'), ('integration_removed', 'Integração removida'), ('delivery_policy_changed', 'Regras de envio alteradas'), ('contact_suppressed', 'Envio bloqueado para o contato'), ('message_delivered', 'Mensagem entregue'), ('contact_opted_out', 'Contato pediu para não receber'), ('contact_opted_in', 'Contato pediu para voltar a receber'), ('contact_exported', 'Dados do contato exportados'), ('contact_erased', 'Dados do contato apagados'), ('integration_connected', 'Integração conectada'), ('integration_disconnected', 'Integração desconectada'), ('agent_paused', 'Agente em pausa'), ('agent_resumed', 'Agente retomado'), ('attention_wanted', 'Conversa pede atenção'), ('attention_given', 'Conversa atendida por pessoa'), ('intent_detected', 'Intenção detectada'), ('trigger_paused', 'Gatilho pausado por falhas'), ('conversation_policy_changed', 'Regras de conversa alteradas'), ('agent_changed', 'Agente alterado'), ('automation_policy_changed', 'Regras de automação alteradas')], max_length=40, verbose_name='tipo')),
                ('conversation_id', models.UUIDField(blank=True, null=True, verbose_name='conversa')),
                ('data', models.JSONField(default=dict, verbose_name='dados')),
                ('cause', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None, verbose_name='causa')),
                ('occurred_at', models.DateTimeField(default=renum.clock.now, verbose_name='quando')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('is_considered', models.BooleanField(default=False, editable=False)),
            ],
            options={
                'verbose_name': 'evento',
                'verbose_name_plural': 'eventos',
                'db_table': 'events',
                'indexes': [models.Index(fields=['client', '-occurred_at'], name='events_client_time'), models.Index(fields=['conversation_id', '-occurred_at'], name='events_conversation_time'), models.Index(fields=['-occurred_at'], name='events_time'), models.Index(condition=models.Q(('is_considered', False)), fields=['client'], name='events_unconsidered')],
            },
        ),
        tenant_table("events", "events"),
    ]
