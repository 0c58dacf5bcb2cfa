from tests.clocks import moving_clock

__all__ = ["moving_clock"]
