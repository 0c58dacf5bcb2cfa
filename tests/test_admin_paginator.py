from __future__ import annotations

import pytest
from django.db import connection

from renum import admin_paginator
from renum.accounts.scope import service_scope
from renum.admin_paginator import BoundedPaginator
from renum.conversations.models import Message
from tests import factories
from tests.cast import Cast


@pytest.fixture
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_paginator, "MAX_COUNTED", 4)


def _messages(cast: Cast, count: int) -> None:
    conversation = factories.make_conversation(cast.acme)
    for _number in range(count):
        factories.make_message(conversation)


@pytest.mark.usefixtures("_small_limit")
@pytest.mark.parametrize(("rows", "words", "pages"), [(0, "0", 1), (4, "4", 2), (6, "mais de 4", 2)])
def test_i10_a_filtered_list_is_counted_up_to_a_limit(cast: Cast, rows: int, words: str, pages: int) -> None:
    _messages(cast, rows)
    with service_scope(reason="test look"):
        paginator = BoundedPaginator(Message.objects.filter(client=cast.acme).order_by("-occurred_at"), 2)
        assert (paginator.count_in_words, paginator.num_pages) == (words, pages)


@pytest.mark.usefixtures("_small_limit")
def test_i10_a_large_table_is_estimated_and_not_counted(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: object
) -> None:
    monkeypatch.setattr(admin_paginator, "_estimated_rows", lambda table: {"messages": 1_234_567}[table])
    with service_scope(reason="test look"), django_assert_num_queries(0):  # type: ignore[operator]
        paginator = BoundedPaginator(Message.objects.order_by("-occurred_at"), 2)
        assert paginator.count_in_words == "cerca de 1.234.567"
        assert paginator.num_pages == 2


@pytest.mark.django_db
def test_the_estimate_is_read_from_the_catalogue() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'messages'")
        assert admin_paginator._estimated_rows("messages") == cursor.fetchone()[0]
    assert admin_paginator._estimated_rows("no_such_table") == -1
