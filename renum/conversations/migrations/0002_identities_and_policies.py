"""Aliases of contacts, doubts about them, and a client's rules for its conversations."""

import django.core.validators
import django.db.models.deletion
import renum.clock
import renum.security.fields
import uuid
from django.db import migrations, models

from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_periodic_tasks'),
        ('conversations', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContactAlias',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('phone', 'Telefone'), ('wa_id', 'Número no WhatsApp'), ('lid', 'LID do WhatsApp'), ('match', 'DDD e últimos oito dígitos')], max_length=10, verbose_name='tipo')),
                ('value', renum.security.fields.SealedTextField(verbose_name='valor')),
                ('value_index', models.CharField(editable=False, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='desde')),
            ],
            options={
                'verbose_name': 'identidade',
                'verbose_name_plural': 'identidades',
                'db_table': 'contact_aliases',
            },
        ),
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
            ],
            options={
                'verbose_name': 'regras de conversa',
                'verbose_name_plural': 'regras de conversa',
                'db_table': 'conversation_policies',
            },
        ),
        migrations.CreateModel(
            name='IdentityDoubt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(choices=[('same_match_key', 'Mesmo DDD e últimos oito dígitos'), ('same_lid', 'O WhatsApp mostrou os dois com a mesma identidade')], max_length=20, verbose_name='motivo')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='desde')),
                ('resolved_at', models.DateTimeField(blank=True, null=True, verbose_name='resolvida em')),
            ],
            options={
                'verbose_name': 'identidade em dúvida',
                'verbose_name_plural': 'identidades em dúvida',
                'db_table': 'identity_doubts',
            },
        ),
        migrations.AddField(
            model_name='conversation',
            name='agent_paused_until',
            field=models.DateTimeField(blank=True, null=True, verbose_name='agente em pausa até'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='attention_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='pede atenção desde'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='attention_reason',
            field=models.CharField(blank=True, default='', max_length=40, verbose_name='pede atenção'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='unanswered_since',
            field=models.DateTimeField(blank=True, null=True, verbose_name='sem resposta desde'),
        ),
        migrations.AddField(
            model_name='message',
            name='refers_to',
            field=models.CharField(blank=True, default='', max_length=128, verbose_name='refere-se a'),
        ),
        migrations.AlterField(
            model_name='contact',
            name='phone',
            field=renum.security.fields.SealedTextField(blank=True, null=True, verbose_name='telefone'),
        ),
        migrations.AlterField(
            model_name='contact',
            name='phone_index',
            field=models.CharField(editable=False, max_length=64, null=True),
        ),
        migrations.AlterField(
            model_name='message',
            name='author',
            field=models.CharField(choices=[('contact', 'Contato'), ('agent', 'Agente'), ('trigger', 'Gatilho'), ('api', 'API'), ('person', 'Pessoa, pelo telefone'), ('other', 'Outro sistema'), ('system', 'RENUM')], max_length=10, verbose_name='autor'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('attention_at__isnull', False)), fields=['-attention_at'], name='conversations_attention'),
        ),
        migrations.AddField(
            model_name='contactalias',
            name='client',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente'),
        ),
        migrations.AddField(
            model_name='contactalias',
            name='contact',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='aliases', to='conversations.contact', verbose_name='contato'),
        ),
        migrations.AddField(
            model_name='conversationpolicy',
            name='client',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='conversation_policy', to='accounts.client', verbose_name='cliente'),
        ),
        migrations.AddField(
            model_name='identitydoubt',
            name='client',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente'),
        ),
        migrations.AddField(
            model_name='identitydoubt',
            name='contact',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.contact', verbose_name='contato'),
        ),
        migrations.AddField(
            model_name='identitydoubt',
            name='other',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.contact', verbose_name='outro contato'),
        ),
        migrations.AddIndex(
            model_name='contactalias',
            index=models.Index(condition=models.Q(('kind', 'match')), fields=['client', 'value_index'], name='contact_aliases_match'),
        ),
        migrations.AddConstraint(
            model_name='contactalias',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'match'), _negated=True), fields=('client', 'value_index'), name='contact_aliases_once'),
        ),
        migrations.AddIndex(
            model_name='identitydoubt',
            index=models.Index(fields=['-created_at'], name='identity_doubts_time'),
        ),
        migrations.AddConstraint(
            model_name='identitydoubt',
            constraint=models.UniqueConstraint(fields=('contact', 'other', 'reason'), name='identity_doubts_once'),
        ),
        tenant_table("contact_aliases", "contact aliases"),
        tenant_table("identity_doubts", "identity doubts"),
        tenant_table("conversation_policies", "conversation policies"),
    ]
