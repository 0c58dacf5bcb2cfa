"""Connections, the outbox and its ledger, and the rules of delivery."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import integrations.models.policy
import integrations.providers
import renum.clock
import renum.security.fields
import uuid
from django.db import migrations, models

from renum.accounts.rls import readable_by_all, tenant_table
from renum.periodic import every


class Migration(migrations.Migration):

    replaces = [('integrations', '0001_initial'), ('integrations', '0002_periodic_tasks'), ('integrations', '0003_integration_slots_and_removal'), ('integrations', '0004_outbound_kinds'), ('integrations', '0005_delivery_states'), ('integrations', '0006_delivery_policies'), ('integrations', '0007_sending_switch'), ('integrations', '0008_message_templates'), ('integrations', '0009_former_secrets_and_confirmations')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0003_service_role'),
        ('conversations', '0001_squashed_0006_moments'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
    ]

    operations = [
        migrations.CreateModel(
            name='Integration',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('type', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email_smtp', 'E-mail (SMTP)'), ('email_sendgrid', 'E-mail (SendGrid)'), ('database', 'Banco de dados')], max_length=50, verbose_name='tipo')),
                ('provider', models.CharField(choices=integrations.providers.choices, max_length=50, verbose_name='provedor')),
                ('name', models.CharField(max_length=255, verbose_name='nome')),
                ('status', models.CharField(choices=[('connected', 'Conectada'), ('disconnected', 'Desconectada'), ('error', 'Com erro')], default='disconnected', max_length=50, verbose_name='situação')),
                ('enabled', models.BooleanField(default=True, verbose_name='ativa')),
                ('config', renum.security.fields.SealedConfigField(default=dict, verbose_name='configuração')),
                ('daily_limit', models.PositiveIntegerField(default=1000, verbose_name='limite diário')),
                ('webhook_key', renum.security.fields.SealedTextField(editable=False)),
                ('webhook_key_index', models.CharField(editable=False, max_length=64)),
                ('token_index', models.CharField(blank=True, editable=False, max_length=64)),
                ('last_tested_at', models.DateTimeField(blank=True, null=True, verbose_name='último teste')),
                ('last_error', models.TextField(blank=True, null=True, verbose_name='último erro')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='criada em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizada em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('candidate_config', renum.security.fields.SealedConfigField(editable=False, null=True)),
                ('previous_config', renum.security.fields.SealedConfigField(editable=False, null=True)),
                ('pace_seconds', models.FloatField(blank=True, help_text='Entre mensagens que ninguém pediu; vazio: o do provedor.', null=True, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(3600.0)], verbose_name='intervalo entre envios (s)')),
                ('paused', models.BooleanField(default=False, verbose_name='envios pausados')),
                ('removed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='removida em')),
                ('previous_token_index', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('previous_valid_until', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'integração',
                'verbose_name_plural': 'integrações',
                'db_table': 'integrations',
                'indexes': [models.Index(fields=['token_index'], name='integrations_token'), models.Index(fields=['type'], name='idx_integrations_type'), models.Index(fields=['status'], name='idx_integrations_status'), models.Index(fields=['previous_token_index'], name='integrations_former_token')],
                'constraints': [models.UniqueConstraint(fields=('webhook_key_index',), name='integrations_webhook_key_unique'), models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('client', 'type'), name='integrations_client_type_unique')],
            },
        ),
        tenant_table("integrations", "integrations"),
        migrations.CreateModel(
            name='OutboundMessage',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'E-mail')], max_length=10, verbose_name='canal')),
                ('recipient', renum.security.fields.SealedTextField(null=True)),
                ('recipient_index', models.CharField(editable=False, max_length=64)),
                ('body', renum.security.fields.SealedJSONField(null=True)),
                ('idempotency_key', models.CharField(max_length=200, verbose_name='chave de idempotência')),
                ('fingerprint', models.CharField(editable=False, max_length=64)),
                ('priority', models.PositiveSmallIntegerField(choices=[(0, 'Alta'), (1, 'Normal'), (2, 'Baixa')], default=1, verbose_name='prioridade')),
                ('state', models.CharField(choices=[('queued', 'Na fila'), ('sending', 'Enviando'), ('sent', 'Enviada'), ('failed', 'Não enviada'), ('unknown', 'Incerta')], default='queued', max_length=10, verbose_name='situação')),
                ('reason_code', models.CharField(blank=True, default='', max_length=40, verbose_name='motivo')),
                ('error_message', models.TextField(blank=True, default='', verbose_name='erro')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='tentativas')),
                ('next_attempt_at', models.DateTimeField(default=renum.clock.now, verbose_name='próxima tentativa')),
                ('not_after', models.DateTimeField(blank=True, null=True, verbose_name='válida até')),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('provider_message_id', models.CharField(blank=True, max_length=128, null=True, verbose_name='ID no provedor')),
                ('cause', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None, verbose_name='causa')),
                ('queued_at', models.DateTimeField(default=renum.clock.now, verbose_name='na fila desde')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='enviada em')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='concluída em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('conversation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='conversations.conversation', verbose_name='conversa')),
                ('integration', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='integrations.integration', verbose_name='integração')),
                ('kind', models.CharField(choices=[('text', 'Texto'), ('media', 'Mídia'), ('mail', 'E-mail')], default='text', max_length=10, verbose_name='tipo')),
                ('attempts_spared', models.PositiveSmallIntegerField(default=0)),
                ('delivered_at', models.DateTimeField(blank=True, null=True, verbose_name='entregue em')),
                ('confirms_opt_out', models.BooleanField(default=False, editable=False)),
            ],
            options={
                'verbose_name': 'mensagem de saída',
                'verbose_name_plural': 'mensagens de saída',
                'db_table': 'outbound_messages',
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['priority', 'integration', 'next_attempt_at'], name='outbound_queued'), models.Index(condition=models.Q(('state', 'sending')), fields=['integration', 'leased_until'], name='outbound_sending'), models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['integration', 'recipient_index', 'queued_at'], name='outbound_recipient_unsent'), models.Index(condition=models.Q(('state', 'sent')), fields=['integration', 'sent_at'], name='outbound_sent'), models.Index(fields=['client', '-queued_at'], name='outbound_client_time'), models.Index(fields=['-queued_at'], name='outbound_time'), models.Index(fields=['state', '-queued_at'], name='outbound_state_time'), models.Index(condition=models.Q(('state__in', ['sent', 'unknown'])), fields=['client', 'recipient_index', 'finished_at'], name='outbound_recipient_sent'), models.Index(condition=models.Q(('state', 'unknown')), fields=['integration', 'finished_at'], name='outbound_unknown'), models.Index(fields=['client', 'recipient_index', '-queued_at'], name='outbound_recipient_time')],
                'constraints': [models.UniqueConstraint(fields=('client', 'idempotency_key'), name='outbound_idempotency_unique')],
            },
        ),
        tenant_table("outbound_messages", "outbound messages"),
        migrations.CreateModel(
            name='DeliveryAttempt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField(verbose_name='tentativa')),
                ('provider', models.CharField(max_length=50, verbose_name='provedor')),
                ('outcome', models.CharField(choices=[('started', 'Iniciada'), ('sent', 'Enviada'), ('retry', 'Será repetida'), ('failed', 'Recusada'), ('unknown', 'Incerta')], default='started', max_length=10, verbose_name='resultado')),
                ('error_code', models.CharField(blank=True, default='', max_length=40, verbose_name='erro')),
                ('error_message', models.TextField(blank=True, default='', verbose_name='descrição')),
                ('http_status', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='HTTP')),
                ('latency_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='ms')),
                ('started_at', models.DateTimeField(default=renum.clock.now, verbose_name='início')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='fim')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('message', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='delivery_attempts', to='integrations.outboundmessage')),
                ('refused_recipients', models.JSONField(blank=True, default=list, verbose_name='destinatários recusados')),
            ],
            options={
                'verbose_name': 'tentativa de entrega',
                'verbose_name_plural': 'tentativas de entrega',
                'db_table': 'delivery_attempts',
                'indexes': [models.Index(fields=['client', '-started_at'], name='attempts_client_time')],
                'constraints': [models.UniqueConstraint(fields=('message', 'number'), name='delivery_attempts_number_unique')],
            },
        ),
        tenant_table("delivery_attempts", "delivery attempts", client_writes=False),
        migrations.CreateModel(
            name='DeliveryState',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='delivery_state', to='integrations.integration')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('failures', models.PositiveSmallIntegerField(default=0, verbose_name='falhas seguidas')),
                ('open_until', models.DateTimeField(blank=True, null=True, verbose_name='interrompida até')),
                ('probe_until', models.DateTimeField(blank=True, null=True)),
                ('next_proactive_at', models.DateTimeField(blank=True, null=True, verbose_name='próximo envio')),
                ('new_chats_blocked_until', models.DateTimeField(blank=True, null=True, verbose_name='novas conversas bloqueadas até')),
            ],
            options={
                'verbose_name': 'estado de entrega',
                'verbose_name_plural': 'estados de entrega',
                'db_table': 'delivery_states',
            },
        ),
        tenant_table("delivery_states", "delivery states", client_writes=False),
        migrations.CreateModel(
            name='DeliveryPolicy',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('client', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='delivery_policy', to='accounts.client', verbose_name='cliente')),
                ('paused', models.BooleanField(default=False, verbose_name='envios pausados')),
                ('quiet_start', models.TimeField(blank=True, null=True, verbose_name='silêncio a partir de')),
                ('quiet_end', models.TimeField(blank=True, null=True, verbose_name='silêncio até')),
                ('quiet_channels', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'E-mail')], max_length=10), default=integrations.models.policy.default_quiet_channels, size=None, verbose_name='canais com silêncio')),
                ('national_holidays', models.BooleanField(default=False, verbose_name='silêncio em feriados nacionais')),
                ('holiday_state', models.CharField(blank=True, default='', max_length=2, verbose_name='UF dos feriados estaduais')),
                ('holidays', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, size=None, verbose_name='outros feriados')),
                ('contact_cap', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='mensagens por contato')),
                ('contact_cap_hours', models.PositiveSmallIntegerField(default=24, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='a cada (horas)')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizada em')),
            ],
            options={
                'verbose_name': 'regras de envio',
                'verbose_name_plural': 'regras de envio',
                'db_table': 'delivery_policies',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('quiet_end', None), ('quiet_start', None)), models.Q(('quiet_end__isnull', False), ('quiet_start__isnull', False), models.Q(('quiet_start', models.F('quiet_end')), _negated=True)), _connector='OR'), name='delivery_policies_quiet_window')],
            },
        ),
        tenant_table("delivery_policies", "delivery policies"),
        migrations.CreateModel(
            name='SendingSwitch',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('paused', models.BooleanField(default=False, verbose_name='todos os envios pausados')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='alterado em')),
            ],
            options={
                'verbose_name': 'chave geral de envios',
                'verbose_name_plural': 'chave geral de envios',
                'db_table': 'sending_switch',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='sending_switch_one_row')],
            },
        ),
        migrations.RunSQL("INSERT INTO sending_switch (id, paused, updated_at) VALUES (1, false, now())", "DELETE FROM sending_switch"),
        readable_by_all("sending_switch", "sending switch"),
        migrations.CreateModel(
            name='MessageTemplate',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('name', models.CharField(max_length=100, verbose_name='nome')),
                ('channel', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'E-mail')], default='whatsapp', max_length=10, verbose_name='canal')),
                ('subject', models.CharField(blank=True, default='', max_length=255, verbose_name='assunto')),
                ('body', models.TextField(verbose_name='texto')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='criado em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizado em')),
            ],
            options={
                'verbose_name': 'modelo de mensagem',
                'verbose_name_plural': 'modelos de mensagem',
                'db_table': 'message_templates',
                'constraints': [models.UniqueConstraint(fields=('client', 'name'), name='message_templates_name_unique')],
            },
        ),
        tenant_table("message_templates", "message templates"),
        every(5, "integrations.sweep_outbox", queue="high"),
    ]
