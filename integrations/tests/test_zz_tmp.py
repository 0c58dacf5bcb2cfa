from django.db import connection
from django.test.utils import CaptureQueriesContext
from integrations.models import Integration, OutboundMessage
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of
def test_q(cast):
    i = factories.make_integration(cast.acme)
    m = factories.make_outbound(factories.make_conversation(cast.acme))
    s = console_of(cast.sofia)
    for u in (list_url(Integration), page_url(i), page_url(m)):
        with CaptureQueriesContext(connection, ) as c:
            text_of(s.get(u))
        print(u, len(c))
        for q in c.captured_queries: print("  ", q["sql"][:160].replace("\n"," "))
