import pytest

from tests.cast import Cast
from tests.clocks import moving_clock
from webhooks.tests.helpers import SECRET, connect

__all__ = ["fuzz_cast", "moving_clock"]


@pytest.fixture
def fuzz_cast(cast: Cast) -> Cast:
    """The cast with a connection of acme's, which many examples share."""
    connect(cast.acme, secret=SECRET)
    return cast
