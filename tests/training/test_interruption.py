import signal

import pytest

from egnet_tf.training.interruption import stop_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_stop_signal_only_requests_a_stop(number):
    before = signal.getsignal(number)
    with stop_signals() as stopped:
        assert not stopped()
        # Of this thread: a process's signal may reach another, and too late.
        signal.raise_signal(number)
        assert stopped()
    assert signal.getsignal(number) is before


def test_second_ctrl_c_stops_at_once():
    # A shell starts what it puts into the background with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), stop_signals() as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
