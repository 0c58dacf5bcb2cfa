"""Slots for new and former credentials, pace and pause of a connection, and removal that keeps the ledger."""

import django.core.validators
import renum.security.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('integrations', '0002_periodic_tasks'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='integration',
            name='integrations_client_type_unique',
        ),
        migrations.AddField(
            model_name='integration',
            name='candidate_config',
            field=renum.security.fields.SealedConfigField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='integration',
            name='previous_config',
            field=renum.security.fields.SealedConfigField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='integration',
            name='pace_seconds',
            field=models.FloatField(blank=True, help_text='Entre mensagens que ninguém pediu; vazio: o do provedor.', null=True, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(3600.0)], verbose_name='intervalo entre envios (s)'),
        ),
        migrations.AddField(
            model_name='integration',
            name='paused',
            field=models.BooleanField(default=False, verbose_name='envios pausados'),
        ),
        migrations.AddField(
            model_name='integration',
            name='removed_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='removida em'),
        ),
        migrations.AddConstraint(
            model_name='integration',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('client', 'type'), name='integrations_client_type_unique'),
        ),
    ]
