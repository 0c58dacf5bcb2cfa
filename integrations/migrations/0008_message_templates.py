"""Texts that clients write once."""

import django.db.models.deletion
import renum.clock
import uuid
from django.db import migrations, models
from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ('accounts', '0002_periodic_tasks'),
        ('integrations', '0007_sending_switch'),
    ]

    operations = [
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
            },
        ),
        migrations.AddConstraint(
            model_name='messagetemplate',
            constraint=models.UniqueConstraint(fields=('client', 'name'), name='message_templates_name_unique'),
        ),
        tenant_table("message_templates", "message templates"),
    ]
