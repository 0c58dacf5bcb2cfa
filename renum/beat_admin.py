"""The periodic tasks' pages, in the console's style and under its rules."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
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
from renum.beat_rules import check_edit, check_schedule_edit


class UnfoldTaskSelectWidget(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks, listed when the form is shown."""


class UnfoldPeriodicTaskForm(PeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = UnfoldTaskSelectWidget()

    def validate_unique(self) -> None:
        """Say in Portuguese what the model would say in English, and what the task's own rules say."""
        try:
            Model.validate_unique(self.instance, exclude=self._get_validation_exclusions())
            self._check_schedules()
            if not self.errors:
                check_edit(PeriodicTask.objects.filter(pk=self.instance.pk).first(), self.instance)
        except ValidationError as error:
            self._update_errors(error)

    def _check_schedules(self) -> None:
        task = self.instance
        given = [name for name in ("interval", "crontab", "solar", "clocked") if getattr(task, name)]
        if len(given) != 1:
            sentence = _("Escolha exatamente um: intervalo, crontab ou data e hora.")
            raise ValidationError({name: sentence for name in given if name in self.fields} or sentence)
        if task.clocked and not task.one_off:
            raise ValidationError({"one_off": _("Uma tarefa com data e hora é de execução única.")})


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A schedule that tasks may run by: each of them must be able to."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self._check()
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]

    def _check(self) -> None:
        schedule = self.instance
        try:
            schedule.schedule  # noqa: B018 - read for what it raises
        except ValueError:  # Celery reads less than the model's validators let pass
            raise ValidationError(_("Este horário não é válido: o domingo, por exemplo, é 0.")) from None
        if schedule.pk is not None:
            field = {CrontabSchedule: "crontab", IntervalSchedule: "interval", ClockedSchedule: "clocked"}
            check_schedule_edit(schedule, field[type(schedule)], list(schedule.periodictask_set.all()))


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

    # Each is saved by itself, so that who depends on a task is told; the library's own actions tell nobody.
    @admin.action(description=_("Ativar tarefas selecionadas"), permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._switch(request, queryset, lambda _task: True)

    @admin.action(description=_("Desativar tarefas selecionadas"), permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._switch(request, queryset, lambda _task: False)

    @admin.action(description=_("Inverter tarefas selecionadas"), permissions=["change"])
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._switch(request, queryset, lambda task: not task.enabled)

    def _switch(
        self,
        request: HttpRequest,
        queryset: QuerySet[PeriodicTask],
        wanted: Callable[[PeriodicTask], bool],
    ) -> None:
        switched = 0
        for task in queryset:
            before, task.enabled = copy(task), wanted(task)
            try:
                if task.enabled:
                    check_edit(before, task)
            except ValidationError as error:
                self.message_user(request, f"{task.name}: {' '.join(error.messages)}", messages.ERROR)
                continue
            task.save()
            switched += 1
        text = ngettext("%d tarefa atualizada.", "%d tarefas atualizadas.", switched)
        self.message_user(request, text % switched, messages.SUCCESS)

    @admin.display(description=_("Crontab por extenso"))
    def crontab_translation(self, obj: PeriodicTask) -> str:
        return str(obj.crontab.human_readable) if obj.crontab else EMPTY


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ConsoleAdmin):
    form = ScheduleForm
    list_display = ("__str__", "every", "period")
    search_fields = ("every", "period")
    search_help_text = _("Número ou unidade")
    ordering = ("period", "every")
    inlines = (UsersInline,)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ConsoleAdmin, BaseCrontabScheduleAdmin):  # type: ignore[misc]
    form = ScheduleForm
    search_fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
    search_help_text = _("Parte do horário")
    ordering = ("id",)
    inlines = (UsersInline,)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ConsoleAdmin, BaseClockedScheduleAdmin):  # type: ignore[misc]
    form = ScheduleForm
    search_fields = ("clocked_time",)
    search_help_text = _("Data, como 2026-01-31")
    ordering = ("-clocked_time",)
    inlines = (UsersInline,)
