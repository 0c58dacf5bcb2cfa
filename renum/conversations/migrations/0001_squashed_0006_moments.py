"""Contacts, their conversations and what is known of them."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import renum.clock
import renum.security.fields
import uuid
from django.db import migrations, models

from renum.accounts.rls import tenant_table
from renum.periodic import every


class Migration(migrations.Migration):

    replaces = [('conversations', '0001_initial'), ('conversations', '0002_identities_and_policies'), ('conversations', '0003_retention_and_lists'), ('conversations', '0004_suppressions_by_reason'), ('conversations', '0005_contact_attributes'), ('conversations', '0006_moments')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0003_service_role'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('phone', renum.security.fields.SealedTextField(blank=True, null=True, verbose_name='telefone')),
                ('phone_index', models.CharField(editable=False, max_length=64, null=True)),
                ('wa_id', renum.security.fields.SealedTextField(blank=True, null=True)),
                ('name', renum.security.fields.SealedTextField(blank=True, null=True, verbose_name='nome')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criado em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizado em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('attributes', models.JSONField(blank=True, default=dict, verbose_name='atributos')),
            ],
            options={
                'verbose_name': 'contato',
                'verbose_name_plural': 'contatos',
                'db_table': 'contacts',
                'indexes': [models.Index(fields=['-created_at'], name='contacts_created'), models.Index(fields=['client', '-created_at'], name='contacts_client_created')],
                'constraints': [models.UniqueConstraint(fields=('client', 'phone_index'), name='contacts_phone_unique')],
            },
        ),
        tenant_table("contacts", "contacts"),
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'E-mail')], default='whatsapp', max_length=10, verbose_name='canal')),
                ('status', models.CharField(choices=[('open', 'Aberta'), ('pending', 'Aguardando'), ('closed', 'Encerrada')], default='open', max_length=10, verbose_name='situação')),
                ('last_message_at', models.DateTimeField(default=renum.clock.now, verbose_name='última mensagem')),
                ('last_inbound_at', models.DateTimeField(blank=True, null=True, verbose_name='última recebida')),
                ('last_outbound_at', models.DateTimeField(blank=True, null=True, verbose_name='última enviada')),
                ('quiet_since', models.DateTimeField(default=renum.clock.now, verbose_name='em silêncio desde')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criada em')),
                ('updated_at', models.DateTimeField(default=renum.clock.now, verbose_name='atualizada em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conversations', to='conversations.contact', verbose_name='contato')),
                ('agent_paused_until', models.DateTimeField(blank=True, null=True, verbose_name='agente em pausa até')),
                ('attention_at', models.DateTimeField(blank=True, null=True, verbose_name='pede atenção desde')),
                ('attention_reason', models.CharField(blank=True, default='', max_length=40, verbose_name='pede atenção')),
                ('unanswered_since', models.DateTimeField(blank=True, null=True, verbose_name='sem resposta desde')),
            ],
            options={
                'verbose_name': 'conversa',
                'verbose_name_plural': 'conversas',
                'db_table': 'conversations',
                'indexes': [models.Index(fields=['client', '-last_message_at'], name='conversations_client_last'), models.Index(fields=['last_message_at'], name='conversations_last'), models.Index(fields=['updated_at'], name='conversations_updated'), models.Index(condition=models.Q(('attention_at__isnull', False)), fields=['-attention_at'], name='conversations_attention'), models.Index(fields=['last_inbound_at'], name='conversations_last_inbound'), models.Index(fields=['last_outbound_at'], name='conversations_last_outbound'), models.Index(condition=models.Q(('unanswered_since__isnull', False)), fields=['unanswered_since'], name='conversations_unanswered'), models.Index(fields=['created_at'], name='conversations_created')],
                'constraints': [models.UniqueConstraint(fields=('client', 'contact', 'channel'), name='conversations_contact_unique')],
            },
        ),
        tenant_table("conversations", "conversations"),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('direction', models.CharField(choices=[('inbound', 'Recebida'), ('outbound', 'Enviada')], max_length=10, verbose_name='direção')),
                ('author', models.CharField(choices=[('contact', 'Contato'), ('agent', 'Agente'), ('trigger', 'Gatilho'), ('api', 'API'), ('person', 'Pessoa, pelo telefone'), ('other', 'Outro sistema'), ('system', 'RENUM')], max_length=10, verbose_name='autor')),
                ('kind', models.CharField(default='text', max_length=20, verbose_name='tipo')),
                ('state', models.CharField(choices=[('received', 'Recebida'), ('queued', 'Na fila'), ('sent', 'Enviada'), ('delivered', 'Entregue'), ('read', 'Lida'), ('failed', 'Não enviada'), ('unknown', 'Incerta')], max_length=10, verbose_name='situação')),
                ('length', models.PositiveIntegerField(default=0, verbose_name='caracteres')),
                ('provider_message_id', models.CharField(blank=True, max_length=128, null=True, verbose_name='ID no provedor')),
                ('cause', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None, verbose_name='causa')),
                ('occurred_at', models.DateTimeField(default=renum.clock.now, verbose_name='quando')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('conversation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='conversations.conversation')),
                ('refers_to', models.CharField(blank=True, default='', max_length=128, verbose_name='refere-se a')),
            ],
            options={
                'verbose_name': 'mensagem',
                'verbose_name_plural': 'mensagens',
                'db_table': 'messages',
                'indexes': [models.Index(fields=['conversation', '-occurred_at'], name='messages_conversation_time'), models.Index(fields=['client', '-occurred_at'], name='messages_client_time'), models.Index(fields=['-occurred_at'], name='messages_time')],
                'constraints': [models.UniqueConstraint(fields=('client', 'provider_message_id'), name='messages_provider_id_unique')],
            },
        ),
        tenant_table("messages", "messages"),
        migrations.CreateModel(
            name='Suppression',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'E-mail')], max_length=10, verbose_name='canal')),
                ('address_index', models.CharField(editable=False, max_length=64)),
                ('reason', models.CharField(max_length=40, verbose_name='motivo')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criada em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
            ],
            options={
                'verbose_name': 'bloqueio de envio',
                'verbose_name_plural': 'bloqueios de envio',
                'db_table': 'suppressions',
                'constraints': [models.UniqueConstraint(fields=('client', 'channel', 'address_index', 'reason'), name='suppressions_address_unique')],
            },
        ),
        tenant_table("suppressions", "suppressions"),
        migrations.CreateModel(
            name='ContactAlias',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('phone', 'Telefone'), ('wa_id', 'Número no WhatsApp'), ('lid', 'LID do WhatsApp'), ('match', 'DDD e últimos oito dígitos')], max_length=10, verbose_name='tipo')),
                ('value', renum.security.fields.SealedTextField(verbose_name='valor')),
                ('value_index', models.CharField(editable=False, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='desde')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='aliases', to='conversations.contact', verbose_name='contato')),
            ],
            options={
                'verbose_name': 'identidade',
                'verbose_name_plural': 'identidades',
                'db_table': 'contact_aliases',
                'indexes': [models.Index(condition=models.Q(('kind', 'match')), fields=['client', 'value_index'], name='contact_aliases_match')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'match'), _negated=True), fields=('client', 'value_index'), name='contact_aliases_once')],
            },
        ),
        tenant_table("contact_aliases", "contact aliases"),
        migrations.CreateModel(
            name='ConversationPolicy',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('burst_quiet_seconds', models.FloatField(default=2.0, help_text='O agente responde depois deste tempo sem nova mensagem do contato.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(60.0)], verbose_name='esperar por mais mensagens (s)')),
                ('burst_max_seconds', models.FloatField(default=10.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(300.0)], verbose_name='esperar no máximo (s)')),
                ('handover_minutes', models.PositiveSmallIntegerField(default=60, help_text='Depois que alguém responde pelo telefone; zero: o agente não pausa.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='pausa do agente (min)')),
                ('opt_out_text', models.CharField(blank=True, default='Pronto: você não receberá mais mensagens nossas. Para voltar a receber, responda VOLTAR.', max_length=500, verbose_name='confirmação do descadastro')),
                ('opt_in_text', models.CharField(blank=True, default='Pronto: você voltará a receber nossas mensagens. Para parar, responda PARAR.', max_length=500, verbose_name='confirmação do recadastro')),
                ('message_days', models.PositiveSmallIntegerField(default=730, validators=[django.core.validators.MinValueValidator(30)], verbose_name='guardar mensagens e envios (dias)')),
                ('event_days', models.PositiveSmallIntegerField(default=365, validators=[django.core.validators.MinValueValidator(30)], verbose_name='guardar eventos e execuções (dias)')),
                ('inbox_days', models.PositiveSmallIntegerField(default=90, validators=[django.core.validators.MinValueValidator(7)], verbose_name='guardar eventos recebidos (dias)')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizada em')),
                ('client', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='conversation_policy', to='accounts.client', verbose_name='cliente')),
            ],
            options={
                'verbose_name': 'regras de conversa',
                'verbose_name_plural': 'regras de conversa',
                'db_table': 'conversation_policies',
            },
        ),
        tenant_table("conversation_policies", "conversation policies"),
        migrations.CreateModel(
            name='IdentityDoubt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(choices=[('same_match_key', 'Mesmo DDD e últimos oito dígitos'), ('same_lid', 'O WhatsApp mostrou os dois com a mesma identidade')], max_length=20, verbose_name='motivo')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='desde')),
                ('resolved_at', models.DateTimeField(blank=True, null=True, verbose_name='resolvida em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.contact', verbose_name='contato')),
                ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.contact', verbose_name='outro contato')),
            ],
            options={
                'verbose_name': 'identidade em dúvida',
                'verbose_name_plural': 'identidades em dúvida',
                'db_table': 'identity_doubts',
                'indexes': [models.Index(fields=['-resolved_at', '-created_at'], name='identity_doubts_open_first')],
                'constraints': [models.UniqueConstraint(fields=('contact', 'other', 'reason'), name='identity_doubts_once')],
            },
        ),
        tenant_table("identity_doubts", "identity doubts"),
        migrations.CreateModel(
            name='ContactDate',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('at', models.DateTimeField()),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client')),
                ('contact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='dates', to='conversations.contact')),
            ],
            options={
                'db_table': 'contact_dates',
                'indexes': [models.Index(fields=['name', 'at'], name='contact_dates_due')],
                'constraints': [models.UniqueConstraint(fields=('contact', 'name'), name='contact_dates_once')],
            },
        ),
        tenant_table("contact_dates", "contact dates"),
        every(86_400, "renum.conversations.apply_retention", queue="low"),
    ]
