"""Registers the app, so that Django finds `manage.py up`."""

from django.apps import AppConfig


class StackConfig(AppConfig):
    name = "renum.stack"
    label = "stack"
    verbose_name = "Embedded stack"
