import pytest

from egnet_tf.errors import InputError
from egnet_tf.training.strategy import (
    all_workers_agree,
    device_strategy,
    num_workers,
    worker_index,
)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "{",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
    ],
)
def test_worker_without_a_task_is_told_what_to_set(monkeypatch, place):
    monkeypatch.setenv("TF_CONFIG", place)
    with pytest.raises(InputError, match="Expected for --strategy=multi_worker") as e:
        device_strategy("multi_worker")
    assert str(e.value).endswith(f"Received: {place or 'none'}")


@pytest.mark.parametrize("name", ["one_device", "mirrored"])
def test_single_process_is_its_own_chief(name):
    strategy = device_strategy(name)
    assert (num_workers(strategy), worker_index(strategy)) == (1, 0)
    assert all_workers_agree(strategy, 5)
