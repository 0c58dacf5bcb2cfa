"""The periodic tasks' pages, in the console's style and under its rules."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import (
    ClockedScheduleAdmin as BaseClockedScheduleAdmin,
)
from django_celery_beat.admin import (
    CrontabScheduleAdmin as BaseCrontabScheduleAdmin,
)
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from renum.admin_columns import EMPTY, moment
from renum.admin_site import ConsoleAdmin


class UnfoldTaskSelectWidget(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks, listed when the form is shown."""


class UnfoldPeriodicTaskForm(PeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = UnfoldTaskSelectWidget()


class UsersInline(TabularInline):  # type: ignore[misc]
    """The tasks that run by a schedule."""

    model = PeriodicTask
    fields = ("name", "task", "enabled", "last_run_at")
    readonly_fields = fields
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name = _("tarefa com este horário")
    verbose_name_plural = _("tarefas com este horário")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ConsoleAdmin, BasePeriodicTaskAdmin):  # type: ignore[misc]
    form = UnfoldPeriodicTaskForm
    list_display = (
        "name",
        "task",
        "enabled",
        "scheduler",
        moment("last_run_at", _("última execução")),
        "total_run_count",
        "queue",
        "one_off",
    )
    list_filter = ("enabled", "one_off", "queue")
    date_hierarchy = None
    search_fields = ("name", "task")
    search_help_text = _("Nome ou tarefa")
    ordering = ("name",)
    fieldsets = tuple(
        (title, {**part, "fields": tuple(name for name in part["fields"] if name != "solar")})
        for title, part in BasePeriodicTaskAdmin.fieldsets
    )

    @admin.display(description=_("Crontab por extenso"))
    def crontab_translation(self, obj: PeriodicTask) -> str:
        return str(obj.crontab.human_readable) if obj.crontab else EMPTY


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ConsoleAdmin):
    list_display = ("__str__", "every", "period")
    search_fields = ("every", "period")
    search_help_text = _("Número ou unidade")
    ordering = ("period", "every")
    inlines = (UsersInline,)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ConsoleAdmin, BaseCrontabScheduleAdmin):  # type: ignore[misc]
    search_fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
    search_help_text = _("Parte do horário")
    ordering = ("id",)
    inlines = (UsersInline,)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ConsoleAdmin, BaseClockedScheduleAdmin):  # type: ignore[misc]
    search_fields = ("clocked_time",)
    search_help_text = _("Data, como 2026-01-31")
    ordering = ("-clocked_time",)
    inlines = (UsersInline,)
