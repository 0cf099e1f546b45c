import numpy as np
import pytest

from egnet_tf.images.convert import from_float, reflect_pad, to_float, to_uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_integer_survives_conversion_to_float_and_back(dtype):
    image = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    values = to_float(image)
    assert values.dtype == np.float32
    assert (values.min(), values.max()) == (0, 1)
    np.testing.assert_array_equal(from_float(values, dtype), image)


def test_to_uint8_clips_and_rounds_to_the_nearest_level():
    values = np.array([-0.1, 0.49 / 255, 0.51 / 255, 254.4 / 255, 1.7])
    assert to_uint8(values).tolist() == [0, 0, 1, 254, 255]
    assert from_float(np.float32([-1, 0.3, 2]), np.float16).tolist() == pytest.approx(
        [0, 0.3, 1], abs=1e-3
    )


def test_conversion_does_not_change_its_argument():
    values = np.float32([-1.0, 2.0])
    to_uint8(values)
    assert to_float(values) is not values
    assert values.tolist() == [-1.0, 2.0]


def test_reflect_pad_may_exceed_the_image_several_times():
    rows = np.arange(1, 4).reshape(1, 3, 1, 1)
    padded = reflect_pad(rows, bottom=5, right=2)
    assert padded.shape == (1, 8, 3, 1)
    assert padded[0, :, 2, 0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2]
    assert reflect_pad(rows[0], 1, 0)[..., 0, 0].tolist() == [1, 2, 3, 2]
