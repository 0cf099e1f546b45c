import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from export.checks.checked_export import ToleranceError, write_checked
from export.checks.parity import Tolerance
from export.graphs.frozen import frozen
from export.litert.convert import TileConverter

pytestmark = pytest.mark.process

TILE = 64


@pytest.mark.slow
def test_export_beyond_its_tolerance_is_not_written(source, tmp_path):
    darker = frozen(lambda image: 0.9 * image, tf.TensorSpec((1, TILE, TILE, 3)))
    content = TileConverter(darker).convert("float32")
    for limit in (Tolerance(-1.0, 1.0), Tolerance(1.0, -np.inf)):
        with pytest.raises(ToleranceError, match=r"nothing written\. Received: "):
            write_checked(
                tmp_path / "x.tflite",
                "tflite float32",
                lambda path: path.write_bytes(content),
                source,
                limit,
                {},
            )
    assert not list(tmp_path.iterdir())


def test_export_that_cannot_run_is_not_written(source, tmp_path):
    with pytest.raises(InputError, match=r"process of its own.*Received: "):
        write_checked(
            tmp_path / "x.tflite",
            "tflite float32",
            lambda path: path.write_bytes(b"no model"),
            source,
            Tolerance(1.0, 1.0),
            {},
        )
    assert not list(tmp_path.iterdir())
