"""When a client's messages may leave."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import integrations.models.policy
import uuid
from django.db import migrations, models
from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ('accounts', '0002_periodic_tasks'),
        ('integrations', '0005_delivery_states'),
    ]

    operations = [
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
            },
        ),
        migrations.AddConstraint(
            model_name='deliverypolicy',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('quiet_end', None), ('quiet_start', None)), models.Q(('quiet_end__isnull', False), ('quiet_start__isnull', False), models.Q(('quiet_start', models.F('quiet_end')), _negated=True)), _connector='OR'), name='delivery_policies_quiet_window'),
        ),
        tenant_table("delivery_policies", "delivery policies"),
    ]
