"""Agents and their runs."""

import agent_tools.models
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

    replaces = [('agent_tools', '0001_initial'), ('agent_tools', '0002_periodic_tasks'), ('agent_tools', '0003_bursts'), ('agent_tools', '0004_agents'), ('agent_tools', '0005_agents_of_all_clients'), ('agent_tools', '0006_runs_of_an_agent')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0003_service_role'),
        ('conversations', '0001_squashed_0006_moments'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('agent', models.CharField(max_length=40, verbose_name='agente')),
                ('state', models.CharField(choices=[('pending', 'Aguardando'), ('running', 'Em andamento'), ('done', 'Concluída'), ('skipped', 'Dispensada'), ('superseded', 'Substituída'), ('failed', 'Falhou')], default='pending', max_length=10, verbose_name='situação')),
                ('reason_code', models.CharField(blank=True, default='', max_length=40, verbose_name='motivo')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='tentativas')),
                ('next_attempt_at', models.DateTimeField(default=renum.clock.now, verbose_name='próxima tentativa')),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('model', models.CharField(blank=True, default='', max_length=100, verbose_name='modelo')),
                ('tool_calls', models.PositiveSmallIntegerField(default=0, verbose_name='ferramentas usadas')),
                ('latency_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='ms')),
                ('cause', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None, verbose_name='causa')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='criada em')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='concluída em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('conversation', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='conversations.conversation', verbose_name='conversa')),
                ('answer_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None, verbose_name='respostas')),
                ('dropped_count', models.PositiveSmallIntegerField(default=0, verbose_name='textos deixados de fora')),
                ('erase_texts_at', models.DateTimeField(editable=False, null=True)),
                ('first_text_at', models.DateTimeField(default=renum.clock.now, verbose_name='primeiro texto')),
                ('successor_id', models.UUIDField(blank=True, null=True, verbose_name='substituída por')),
                ('text_count', models.PositiveSmallIntegerField(default=0, verbose_name='textos')),
                ('answer', renum.security.fields.SealedTextField(null=True)),
                ('input_tokens', models.PositiveIntegerField(default=0, verbose_name='tokens lidos')),
                ('output_tokens', models.PositiveIntegerField(default=0, verbose_name='tokens escritos')),
            ],
            options={
                'verbose_name': 'execução de agente',
                'verbose_name_plural': 'execuções de agentes',
                'db_table': 'agent_runs',
                'indexes': [models.Index(condition=models.Q(('state__in', ['pending', 'running'])), fields=['next_attempt_at'], name='agent_runs_unfinished'), models.Index(fields=['conversation', 'created_at'], name='agent_runs_conversation'), models.Index(fields=['client', '-created_at'], name='agent_runs_client_time'), models.Index(fields=['-created_at'], name='agent_runs_time'), models.Index(condition=models.Q(('state__in', ('pending', 'running')), ('erase_texts_at__isnull', False), _connector='OR'), fields=['conversation'], name='agent_runs_open'), models.Index(condition=models.Q(('erase_texts_at__isnull', False)), fields=['erase_texts_at'], name='agent_runs_erase'), models.Index(models.F('client'), models.F('agent'), models.OrderBy(models.F('created_at'), descending=True, nulls_last=True), name='agent_runs_agent')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ('pending', 'running'))), fields=('conversation',), name='agent_runs_one_unfinished')],
            },
        ),
        tenant_table("agent_runs", "agent runs", client_writes=False),
        migrations.CreateModel(
            name='AgentRunInput',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('message_id', models.UUIDField(null=True, verbose_name='mensagem recebida')),
                ('position', models.PositiveIntegerField(verbose_name='posição')),
                ('length', models.PositiveIntegerField(verbose_name='caracteres')),
                ('text', renum.security.fields.SealedTextField(null=True)),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='desde')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inputs', to='agent_tools.agentrun', verbose_name='execução')),
            ],
            options={
                'verbose_name': 'texto recebido',
                'verbose_name_plural': 'textos recebidos',
                'db_table': 'agent_run_inputs',
                'constraints': [models.UniqueConstraint(fields=('client', 'message_id'), name='agent_run_inputs_once')],
            },
        ),
        tenant_table("agent_run_inputs", "texts of agent runs", client_writes=False),
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('\\A[a-z][a-z0-9_]{0,39}\\Z', 'Use letras minúsculas sem acento, números e _.')], verbose_name='nome')),
                ('title', models.CharField(max_length=80, verbose_name='título')),
                ('prompt', models.TextField(max_length=20000, verbose_name='instruções')),
                ('knowledge', models.TextField(blank=True, default='', max_length=20000, verbose_name='o que pode contar')),
                ('tools', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='ferramentas')),
                ('data_access', models.CharField(choices=[('none', 'Nada'), ('named', 'Consultas publicadas'), ('tables', 'Tabelas permitidas'), ('sql', 'Tabelas permitidas, também por SQL')], default='named', max_length=10, verbose_name='acesso ao banco de dados')),
                ('model', models.CharField(blank=True, default='', max_length=100, verbose_name='modelo')),
                ('model_key', renum.security.fields.SealedTextField(blank=True, null=True, verbose_name='chave do modelo')),
                ('enabled', models.BooleanField(default=True, verbose_name='ativo')),
                ('answers_whatsapp', models.BooleanField(default=False, verbose_name='responde no WhatsApp')),
                ('model_calls', models.PositiveSmallIntegerField(default=6, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(20)], verbose_name='chamadas ao modelo por vez')),
                ('tool_calls', models.PositiveSmallIntegerField(default=6, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(20)], verbose_name='ferramentas por vez')),
                ('timeout_seconds', models.PositiveSmallIntegerField(default=45, validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(90)], verbose_name='tempo limite (s)')),
                ('replies_per_hour', models.PositiveSmallIntegerField(default=30, help_text='Mais do que isso parece conversa entre robôs; uma pessoa é chamada.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(500)], verbose_name='respostas por hora a um contato')),
                ('active_days', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), default=agent_tools.models.all_days, size=None, verbose_name='dias')),
                ('active_from', models.TimeField(blank=True, null=True, verbose_name='atende das')),
                ('active_until', models.TimeField(blank=True, null=True, verbose_name='até')),
                ('intents', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='intenções')),
                ('allowed_recipients', renum.security.fields.SealedTextField(blank=True, null=True, verbose_name='destinatários permitidos')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criado em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizado em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
            ],
            options={
                'verbose_name': 'agente',
                'verbose_name_plural': 'agentes',
                'db_table': 'agents',
                'indexes': [models.Index(fields=['name'], name='agents_name')],
                'constraints': [models.UniqueConstraint(fields=('client', 'name'), name='agents_name_unique'), models.UniqueConstraint(condition=models.Q(('answers_whatsapp', True)), fields=('client',), name='agents_one_answers')],
            },
        ),
        tenant_table("agents", "agents"),
        migrations.CreateModel(
            name='AgentStep',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('model', 'Modelo'), ('tool', 'Ferramenta'), ('guard', 'Proteção')], max_length=10, verbose_name='tipo')),
                ('name', models.CharField(max_length=100, verbose_name='nome')),
                ('outcome', models.CharField(default='ok', max_length=40, verbose_name='resultado')),
                ('latency_ms', models.PositiveIntegerField(default=0, verbose_name='ms')),
                ('input_tokens', models.PositiveIntegerField(default=0, verbose_name='tokens lidos')),
                ('output_tokens', models.PositiveIntegerField(default=0, verbose_name='tokens escritos')),
                ('created_at', models.DateTimeField(default=renum.clock.now, verbose_name='quando')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='agent_tools.agentrun', verbose_name='execução')),
            ],
            options={
                'verbose_name': 'passo de agente',
                'verbose_name_plural': 'passos de agentes',
                'db_table': 'agent_steps',
                'indexes': [models.Index(fields=['run', 'created_at'], name='agent_steps_run')],
            },
        ),
        tenant_table("agent_steps", "agent steps", client_writes=False),
        migrations.CreateModel(
            name='NamedQuery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('\\A[a-z][a-z0-9_]{0,39}\\Z', 'Use letras minúsculas sem acento, números e _.')], verbose_name='nome')),
                ('description', models.CharField(help_text='O agente escolhe a consulta por esta frase.', max_length=300, verbose_name='para que serve')),
                ('definition', models.JSONField(verbose_name='consulta')),
                ('is_published', models.BooleanField(default=False, verbose_name='publicada')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criada em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizada em')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
            ],
            options={
                'verbose_name': 'consulta publicada',
                'verbose_name_plural': 'consultas publicadas',
                'db_table': 'named_queries',
                'indexes': [models.Index(fields=['name'], name='named_queries_name')],
                'constraints': [models.UniqueConstraint(fields=('client', 'name'), name='named_queries_name_unique')],
            },
        ),
        tenant_table("named_queries", "named queries", client_writes=False),
        every(5, "agent_tools.run_pending", queue="high"),
    ]
