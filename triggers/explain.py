"""Why a trigger did or did not fire for a conversation: pure, over what is known of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from django.utils.translation import gettext as _

from triggers.admin import words
from triggers.conditions.nested import Tree
from triggers.facts import Facts
from triggers.fields import attribute_name, find_field
from triggers.models import Trigger, TriggerExecution
from triggers.reasons import remedy_of, sentence_of
from triggers.schemas import Parts
from triggers.when import ConditionBasedConfig, EventBasedConfig, TimeBasedConfig

State = TriggerExecution.State
SAID_BY_STATE = ("TRIGGER_INACTIVE", "AUTOMATIONS_PAUSED", "CONDITION_NOT_MET", "NO_LONGER_IDLE")


@dataclass(frozen=True, slots=True)
class Happened:
    """The latest event of the trigger's kind in the conversation. `is_considered`: by the engine."""

    data: dict[str, Any]
    occurred_at: datetime
    is_considered: bool


@dataclass(frozen=True, slots=True)
class Case:
    """`parts`: None if what is stored is not valid any more. `current`: the execution for what is the
    occurrence now, and `was_recorded` whether there was one, which may be gone. `executions`: of the pair,
    the latest first. `edge_since`: since when the condition of a condition-based trigger holds.
    """

    trigger: Trigger
    parts: Parts | None
    facts: Facts
    timezone: tzinfo
    is_paused: bool = False
    current: TriggerExecution | None = None
    was_recorded: bool = False
    executions: Sequence[TriggerExecution] = ()
    edge_since: datetime | None = None
    event: Happened | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """What QUANDO counts from (`field`, `moment`), and when that makes it due."""

    field: str | None = None
    moment: datetime | None = None
    due_at: datetime | None = None
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class ConditionPart:
    """A comparison of a `field`, or a tree of `parts` as dictionaries of this form. `text`: in words."""

    type: str
    text: str
    met: bool
    field: str | None
    expected: Any
    seen: Any
    parts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Explanation:
    fired: bool
    answer: str
    reason_code: str
    due: Due
    condition: ConditionPart | None
    what_would_change: list[str]
    executions: Sequence[TriggerExecution]


def explain(case: Case) -> Explanation:
    """Answer for the occurrence that there is now: of the moment, the latest event, the edge."""
    due = _due(case)
    tree = _tree(case) if case.parts else None
    code = _reason(case, due)
    fired = not code
    return Explanation(
        fired=fired,
        answer=" ".join(_answer(case, code, due)),
        reason_code=code,
        due=due,
        condition=ConditionPart(**tree) if tree else None,
        what_would_change=list(dict.fromkeys(_changes(case, code, tree))),
        executions=case.executions,
    )


# --- Which reason -------------------------------------------------------------------------------------


def _reason(case: Case, due: Due) -> str:
    """The code of what stands in the way; empty if it fired."""
    current, trigger = case.current, case.trigger
    if current is not None and current.state == State.DONE:
        return ""
    if case.parts is None:
        return "INVALID_TRIGGER_CONFIG"
    if current is not None and current.state == State.FAILED:
        return current.reason_code or "TRIGGER_EXECUTION_FAILED"
    if not trigger.active:
        return "TRIGGER_INACTIVE"
    if case.is_paused:
        return "AUTOMATIONS_PAUSED"
    if isinstance(case.parts.when, EventBasedConfig):
        return _reason_of_event(case, case.parts.when)
    if isinstance(case.parts.when, TimeBasedConfig) and (
        code := _reason_of_moment(case, case.parts.when, due)
    ):
        return code
    if not case.parts.matches(case.facts):
        return "CONDITION_NOT_MET"
    if current is not None and current.state == State.SKIPPED and current.reason_code not in SAID_BY_STATE:
        return current.reason_code
    if isinstance(case.parts.when, ConditionBasedConfig):
        return _reason_of_edge(case)
    return "ALREADY_EXECUTED" if current is None and case.was_recorded else "WAITING"


def _reason_of_event(case: Case, config: EventBasedConfig) -> str:
    event, current = case.event, case.current
    if current is not None:  # what it saw then is what counts
        return current.reason_code or "WAITING"
    if event is None:
        return "NO_EVENT"
    if not config.admits(event.data):
        return "EVENT_NOT_MEANT"
    if case.was_recorded:
        return "ALREADY_EXECUTED"
    if event.occurred_at < case.trigger.active_since or event.is_considered:
        return "EVENT_PASSED_OVER"
    return "WAITING"


def _reason_of_moment(case: Case, config: TimeBasedConfig, due: Due) -> str:
    if config.schedule is not None:
        return "NOT_ABOUT_CONVERSATIONS"
    if due.due_at is None:
        return "NO_MOMENT"
    if not due.is_due:
        return "NOT_DUE_YET"
    if config.occurrence(case.facts, case.trigger.active_since) is None:
        return "EXISTING_NOT_INCLUDED"
    return ""


def _reason_of_edge(case: Case) -> str:
    if case.current is not None:
        return case.current.reason_code or "WAITING"
    if case.edge_since is None:
        return "WAITING"
    return "ALREADY_EXECUTED" if case.was_recorded else "EXISTING_NOT_INCLUDED"


def _due(case: Case) -> Due:
    config = case.parts.when if case.parts else None
    if isinstance(config, TimeBasedConfig) and config.schedule is None:
        moment = case.facts.moment(config.reference_field)
        due_at = moment + config.offset if moment else None
        is_due = due_at is not None and due_at <= case.facts.now
        return Due(config.reference_field, moment, due_at, is_due)
    if isinstance(config, EventBasedConfig) and case.event is not None:
        at = case.event.occurred_at
        return Due(config.event, at, at, config.admits(case.event.data))
    if isinstance(config, ConditionBasedConfig):
        return Due(None, case.edge_since, case.edge_since, case.edge_since is not None)
    return Due()


# --- In words -----------------------------------------------------------------------------------------


def _answer(case: Case, code: str, due: Due) -> Iterator[str]:
    current = case.current
    if not code and current is not None:
        yield _("Sim: o gatilho agiu em %(at)s.") % {"at": _moment(case, current.executed_at)}
        return
    yield sentence_of(code, (current.error_message or "") if current else "")
    message = current.error_message if current and current.state == State.FAILED else None
    if message and message != sentence_of(code):
        yield message
    if code == "TRIGGER_INACTIVE" and case.trigger.paused_reason:
        yield sentence_of(case.trigger.paused_reason)
    if code == "NOT_DUE_YET" and due.due_at is not None:
        yield _("Será em %(at)s.") % {"at": _moment(case, due.due_at)}
    if code in ("NO_MOMENT", "NO_EVENT", "NOT_ABOUT_CONVERSATIONS"):
        yield _("O gatilho age %(when)s.") % {"when": words.when(case.trigger)}
    if current is not None and current.state == State.SKIPPED and current.reason_code not in (code, ""):
        yield _("Em %(at)s foi dispensado: %(reason)s") % {
            "at": _moment(case, current.executed_at),
            "reason": sentence_of(current.reason_code),
        }
    last = next((one for one in case.executions if one.state == State.DONE), None)
    if last is not None:
        yield _("A última vez que agiu nesta conversa foi em %(at)s.") % {
            "at": _moment(case, last.executed_at)
        }


def _changes(case: Case, code: str, tree: dict[str, Any] | None) -> Iterator[str]:
    if not code:
        yield _again(case)
        return
    if code == "NO_MOMENT" and case.parts and isinstance(case.parts.when, TimeBasedConfig):
        field = case.parts.when.reference_field
        if name := attribute_name(field):
            yield _("Preencher no contato a data do atributo %(name)s.") % {"name": name}
        else:
            yield _("A conversa passar a ter este momento.")
        return
    if code == "CONDITION_NOT_MET" and tree is not None and not tree["met"]:
        yield from (f"{clause}." for clause in _needed(tree, wanted=True))
        return
    if remedy := remedy_of(code):
        yield remedy
    if case.current is not None and case.current.state == State.FAILED:
        yield _("Depois de corrigir a causa, repita a execução.")
    elif code != "CONDITION_NOT_MET" and tree is not None and not tree["met"]:
        yield from (f"{clause}." for clause in _needed(tree, wanted=True))


def _again(case: Case) -> str:
    config = case.parts.when if case.parts else None
    if isinstance(config, EventBasedConfig):
        return _("Age de novo no próximo evento.")
    if isinstance(config, ConditionBasedConfig):
        return _("Age de novo depois que a condição deixar de valer e voltar a valer.")
    return _("Age de novo numa nova ocorrência do momento: %(when)s.") % {"when": words.when(case.trigger)}


def _needed(part: dict[str, Any], *, wanted: bool) -> list[str]:
    """What would have to become true, or false, of the comparisons in a tree."""
    if part["met"] == wanted:
        return []
    if part["type"] == "not":
        return _needed(part["parts"][0], wanted=not wanted)
    if part["parts"]:
        clauses = [clause for inner in part["parts"] for clause in _needed(inner, wanted=wanted)]
        one_is_enough = part["type"] == ("any" if wanted else "all")
        return [_(" ou ").join(clauses)] if one_is_enough else clauses
    clause = (_("Passar a valer: %(text)s") if wanted else _("Deixar de valer: %(text)s")) % part
    known = find_field(part["field"]) if part["field"] else None
    if known is None or known.type == "instant":
        return [clause]
    seen = _("sem valor") if part["seen"] in (None, "") else part["seen"]
    return [_("%(clause)s (agora: %(seen)s)") % {"clause": clause, "seen": seen}]


def _moment(case: Case, instant: datetime) -> str:
    return f"{instant.astimezone(case.timezone):%d/%m/%Y %H:%M}"


# --- The condition ------------------------------------------------------------------------------------


def _tree(case: Case) -> dict[str, Any]:
    assert case.parts is not None
    return _part(case.trigger.condition_type, case.parts.condition, case.parts.condition_type, case.facts)


def _part(name: str, config: Any, kind: Any, facts: Facts) -> dict[str, Any]:
    written = config.model_dump(mode="json", exclude_none=True)
    field = next(iter(sorted(kind.fields(config))), None) if not isinstance(config, Tree) else None
    inner = config.branches if isinstance(config, Tree) else ()
    expected = {key: value for key, value in written.items() if key != "field"} if field else None
    return {
        "type": name,
        "text": words.condition(Trigger(condition_type=name, condition_config=written)),
        "met": kind.matches(config, facts),
        "field": field,
        "expected": expected,
        "seen": facts.seen([field])[field] if field else None,
        "parts": [
            _part(branch.condition_type, branch.condition_config, branch.type, facts) for branch in inner
        ],
    }
