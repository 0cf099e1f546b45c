import contextlib
import threading

import pytest

from egnet_tf.inference.in_flight import InFlight, Need, StoppedError, work_at_once


def admitted(in_flight, needs):
    """How many of the needs are admitted at once; the next one has to wait."""
    count = 0
    for need in needs:
        if not in_flight.fits(need):
            break
        in_flight.enter(need)
        count += 1
    return count


@pytest.mark.parametrize(
    ("needs", "count"),
    [
        ([Need(10, 0, 1)] * 9, 4),  # Tiles enough.
        ([Need(10, 0, 3)] * 9, 3),  # Photos enough, and tiles.
        ([Need(20, 0, 3)] * 9, 2),  # More than half of the memory.
        ([Need(300, 0, 3)] * 9, 1),  # More than all: one, on its own.
        ([Need(20, 70, 1)] * 9, 1),  # What a pass leaves.
        ([Need(10, 70, 1), Need(15, 0, 1), Need(15, 0, 1)], 2),
        ([Need()] * 9, 9),  # Not readable: no work.
    ],
)
def test_photos_are_admitted_within_the_memory_and_as_needed(needs, count):
    most = 4 if needs[0].tiles == 1 else 9
    assert admitted(InFlight(100, photos=3, tiles=most), needs) == count


def test_photos_that_leave_make_room():
    in_flight = InFlight(100, photos=3, tiles=3)
    ticket = in_flight.enter(Need(90, 0, 1))
    entered = threading.Event()

    def enter():
        in_flight.leave(in_flight.enter(Need(90, 0, 1)))
        entered.set()

    entering = threading.Thread(target=enter)
    entering.start()
    assert not entered.wait(0.1)
    in_flight.leave(ticket)
    assert entered.wait(30)
    entering.join()


def run(items, work, threads=2, on_stop=lambda: None):
    in_flight = InFlight(100, photos=threads, tiles=0)
    return work_at_once(
        items, work, lambda _: Need(), in_flight, threads=threads, on_stop=on_stop
    )


def test_items_are_begun_in_order_and_what_they_say_arrives_in_this_thread():
    begun = []

    def work(item, say):
        begun.append(item)
        say(item)
        say(-item)

    said = list(run(range(1, 20), work, threads=1))
    assert begun == list(range(1, 20))
    assert said == [x for item in begun for x in (item, -item)]
    assert sorted(run(range(1, 20), work, threads=4)) == sorted(said)


def test_items_are_worked_on_at_once():
    together = threading.Barrier(3)
    said = list(run(range(9), lambda item, say: say(together.wait(30)), threads=3))
    assert sorted(said) == sorted([0, 1, 2] * 3)


def test_work_ends_after_what_is_begun_when_it_is_stopped():
    stopped, ended = threading.Event(), []

    def work(item, say):
        say(item)
        stopped.wait(30)
        try:
            say(item)
        except StoppedError:
            ended.append(item)
            raise

    with contextlib.closing(run(range(99), work, on_stop=stopped.set)) as said:
        next(said)
    assert ended
    assert len(ended) <= 2
    assert not [x for x in threading.enumerate() if x.name.startswith("photo")]


def test_error_of_the_work_itself_is_raised():
    def work(item, say):
        if item == 3:
            raise ZeroDivisionError
        say(item)

    with pytest.raises(ZeroDivisionError):
        list(run(range(9), work))
