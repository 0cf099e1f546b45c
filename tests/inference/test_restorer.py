import tracemalloc

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.inference import restorer as restorer_module
from helpers import random_image


class FakeRunner:
    """Restores by a NumPy function and keeps what sizes it was given."""

    bytes_per_pixel = 100.0

    def __init__(self, function=lambda batch: batch, size_multiple=8, tile=None):
        self.function = function
        self.size_multiple = tile or size_multiple
        self.tile = tile
        self.shapes = []

    def __call__(self, batch):
        assert batch.dtype == np.float32
        assert batch.shape[1] % self.size_multiple == 0
        assert batch.shape[2] % self.size_multiple == 0
        self.shapes.append(batch.shape)
        return self.function(batch)


def blur(batch):
    """A local function: 11 x 11 means, so 5 pixels around decide."""
    return ndimage.uniform_filter(batch, (1, 11, 11, 1), mode="reflect")


SIZES = [(1, 1), (1, 9), (7, 1000), (8, 8), (63, 65), (129, 200), (300, 2)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"tile": 64}, {"tile": 32, "overlap": 16}])
def test_identity_network_returns_the_exact_image(size, dtype, options):
    image = random_image((*size, 3), dtype=dtype)
    restored = Restorer(FakeRunner(), **options)(image)
    assert restored.dtype == dtype
    np.testing.assert_array_equal(restored, image)


@pytest.mark.parametrize("size", SIZES)
def test_identity_network_of_a_fixed_tile_returns_the_exact_image(size):
    runner = FakeRunner(tile=64)
    image = random_image((*size, 3))
    np.testing.assert_array_equal(Restorer(runner)(image), image)
    assert set(runner.shapes) == {(1, 64, 64, 3)}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_images_keep_their_dtype(dtype):
    image = random_image((33, 57, 3), dtype=np.float32).astype(dtype)
    restored = Restorer(FakeRunner())(image)
    assert restored.dtype == dtype
    np.testing.assert_allclose(restored, image, atol=1e-7)


@pytest.mark.parametrize("tile", [None, 32])
def test_batch_is_restored_as_its_images_one_by_one(tile):
    images = random_image((3, 40, 50, 3))
    restorer = Restorer(FakeRunner(blur), tile=tile)
    one_by_one = np.stack([restorer(image) for image in images])
    np.testing.assert_array_equal(restorer(images), one_by_one)


def test_tiles_equal_the_whole_image_for_a_local_function():
    image = random_image((152, 208, 3), dtype=np.float32)  # Multiples of 8: no padding.
    whole = Restorer(FakeRunner(blur), tile=0)(image)
    error = np.abs(Restorer(FakeRunner(blur), tile=96, overlap=48)(image) - whole)
    # Rows of tiles start at 0, 48, 56; columns at 0, 48, 96, 112. A tile is wrong
    # within 5 pixels of its own border only, and there the window gives it at most
    # sin^2(pi / 2 * 5 / 48) in each axis.
    assert error.max() < 2 * np.sin(np.pi / 2 * 5 / 48) ** 2
    wrong = np.zeros(error.shape, bool)
    for axis, borders in ((0, (48, 56, 96, 144)), (1, (48, 96, 112, 144, 192))):
        for border in borders:
            index = [slice(None)] * 3
            index[axis] = slice(border - 5, border + 5)
            wrong[tuple(index)] = True
    assert error[~wrong].max() < 1e-6
    assert 0.1 < wrong.mean() < 0.9


def test_tiles_restored_differently_leave_no_seam():
    """Each tile comes out brighter or darker by its mean, as by a global pool."""

    def exposed(batch):
        return batch + 0.4 * (batch.mean((1, 2, 3), keepdims=True) - 0.5)

    photo = (data.coffee() / 510 + 0.25).astype(np.float32)  # Nothing is clipped.
    whole = Restorer(FakeRunner(exposed), tile=0)(photo)
    restorer = Restorer(FakeRunner(exposed), tile=256)
    assert restorer.plan(*photo.shape[:2])[:4] == ((256, 256), 64, 6, 1)
    tiled = restorer(photo)
    hard = Restorer(FakeRunner(exposed), tile=256, overlap=0)(photo)

    def steps(restored):
        return np.abs(np.diff(restored, axis=1))

    assert steps(tiled).max() <= steps(whole).max() + 1 / 255
    # The tiles really differ, and side by side they show it.
    assert np.abs(np.diff(hard - whole, axis=1)).max() > 3 / 255
    assert np.abs(np.diff(tiled - whole, axis=1)).max() < 1 / 255


def test_tiles_are_exact_for_a_pixelwise_function():
    image = random_image((150, 203, 3), dtype=np.float32)
    square = Restorer(FakeRunner(np.square), tile=32)(image)
    np.testing.assert_allclose(square, image**2, atol=1e-6)


def test_padding_reflects_at_the_right_and_the_bottom():
    image = random_image((13, 18, 3), dtype=np.float32)
    seen = []
    Restorer(FakeRunner(lambda batch: seen.append(batch) or batch))(image)
    rows = [*range(13), 11, 10, 9]
    columns = [*range(18), 16, 15, 14, 13, 12, 11]
    np.testing.assert_array_equal(seen[0][0], image[rows][:, columns])


def test_restored_values_are_clipped_and_rounded():
    image = np.full((8, 8, 3), 100, np.uint8)

    def add(amount):
        return Restorer(FakeRunner(lambda batch: batch + amount))(image)[0, 0, 0]

    assert add(0.6 / 255) == 101
    assert add(0.4 / 255) == 100
    assert add(2.0) == 255
    assert add(-2.0) == 0


def test_image_is_tiled_only_above_the_memory_limit():
    runner = FakeRunner()
    limit = 100 * 200 * 304 + 200 * 300 * 3  # The forward pass and the image.
    restorer = Restorer(runner, memory_limit=limit)
    assert restorer.plan(200, 300).tiles == 1
    plan = restorer.plan(208, 300)

    def taken(side):  # The image, a row of tiles in float32, a forward pass.
        return 208 * 300 * 3 + side * 300 * 12 + 100 * side**2

    assert plan.tile == (208, 224) and taken(224) <= limit < taken(232)
    assert plan.tiles == 2
    restorer(random_image((201, 300, 3)))
    assert max(np.prod(shape[:3]) for shape in runner.shapes) <= 200 * 304


def test_image_pixels_count_towards_the_memory_limit():
    restorer = Restorer(FakeRunner(), memory_limit=3_000_000)
    assert restorer.plan(800, 400).tile < restorer.plan(200, 400).tile
    assert restorer.plan(800, 400, sample_bytes=2).tile < restorer.plan(800, 400).tile


@pytest.mark.parametrize("options", [{"tile": 0}, {"tile": 64}, {"tile": 32}])
@pytest.mark.parametrize("size", [(150, 203), (64, 300), (20, 40), (65, 65)])
def test_image_can_be_restored_in_place(options, size):
    image = random_image((2, *size, 3))
    restorer = Restorer(FakeRunner(blur), **options)
    expected = restorer(image)
    assert restorer(image, out=image) is image
    np.testing.assert_array_equal(image, expected)


def test_output_array_of_wrong_shape_or_dtype_is_refused():
    image = random_image((16, 16, 3))
    with pytest.raises(ValueError, match="Received: "):
        Restorer(FakeRunner())(image, out=np.empty((16, 16, 3), np.float32))


def test_small_images_are_batched_up_to_the_memory_limit():
    runner = FakeRunner()
    images = random_image((7, 16, 16, 3))
    limit = (100 * 3 + 3) * 16 * 16
    restored = Restorer(runner, memory_limit=limit)(images)
    np.testing.assert_array_equal(restored, images)
    assert [shape[0] for shape in runner.shapes] == [3, 3, 1]


def test_progress_counts_every_forward_pass():
    calls = []
    restorer = Restorer(FakeRunner(), tile=32, overlap=0)
    restorer(random_image((2, 64, 96, 3)), on_tile=lambda *c: calls.append(c))
    assert calls == [(done, 12) for done in range(1, 13)]


def test_memory_does_not_grow_with_the_height_of_the_image():
    restorer = Restorer(FakeRunner(), tile=128)
    strip = 128 * 600 * 3 * 4

    def working_memory(height):
        image = np.zeros((height, 600, 3), np.uint8)
        tracemalloc.start()
        try:
            restorer(image, out=image)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return peak

    assert working_memory(4000) < working_memory(1000) + strip / 4
    # The row of tiles, its quarter that the next one blends into, and one tile.
    assert working_memory(1000) < 2.5 * strip


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.int32),
        np.full((8, 8, 3), 255.0),
        np.full((8, 8, 3), np.nan, np.float32),
    ],
)
def test_images_that_are_not_rgb_are_refused(image):
    with pytest.raises(InputError, match="Received: "):
        Restorer(FakeRunner())(image)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": 30},
        {"tile": -8},
        {"model_tile": 30},
        {"overlap": -1},
        {"tile": 32, "overlap": 17},
        {"memory_limit": 0},
        {"memory_limit": 100 * 63},
    ],
)
def test_impossible_restorer_options_are_refused(options):
    with pytest.raises(InputError, match="Received: "):
        Restorer(FakeRunner(), **options)(random_image((64, 64, 3)))


@pytest.mark.parametrize("size", [*SIZES, (100, 64), (150, 203)])
@pytest.mark.parametrize("tile", [None, 64])
def test_tile_of_the_model_restores_as_a_fixed_tile_does(size, tile):
    """By a function of the whole tile, so that padding would show as well."""

    def exposed(batch):
        return batch * batch.mean((1, 2, 3), keepdims=True)

    image = random_image((*size, 3), dtype=np.float32)
    own, fixed = FakeRunner(exposed), FakeRunner(exposed, tile=64)
    restored = Restorer(own, tile=tile, model_tile=64)(image)
    np.testing.assert_array_equal(restored, Restorer(fixed)(image))
    assert own.shapes == fixed.shapes


def test_tiles_are_clipped_before_they_are_blended():
    """As exported files do inside, so that both restore bright places alike."""

    def overshooting(batch):
        return batch + 0.4 * (batch.mean((1, 2, 3), keepdims=True) - 0.3)

    def clipping(batch):
        return np.clip(overshooting(batch), 0, 1)

    image = random_image((90, 150, 3), dtype=np.float32)
    image[:, :60] *= 0.2
    restored = Restorer(FakeRunner(overshooting), model_tile=64)(image)
    expected = Restorer(FakeRunner(clipping, tile=64))(image)
    np.testing.assert_array_equal(restored, expected)


def test_tile_of_the_model_gives_way_to_another_and_to_whole_images():
    image = random_image((100, 200, 3))

    def shapes(**options):
        runner = FakeRunner()
        Restorer(runner, model_tile=64, **options)(image)
        return {shape[1:3] for shape in runner.shapes}

    assert shapes() == {(64, 64)}
    assert shapes(tile=0) == {(104, 200)}
    assert shapes(tile=48) == {(48, 48)}
    assert shapes(memory_limit=10**9) == {(64, 64)}
    # The image, a row of tiles in float32 and a forward pass of 32 x 32.
    assert shapes(memory_limit=60_000 + 12 * 200 * 32 + 100 * 32**2) == {(32, 32)}


def test_runner_of_a_fixed_tile_refuses_another_tile():
    with pytest.raises(InputError, match="Received: 128"):
        Restorer(FakeRunner(tile=64), tile=128)


def test_non_finite_outputs_are_refused():
    with pytest.raises(InputError, match="finite"):
        Restorer(FakeRunner(lambda batch: batch * np.nan))(random_image((8, 8, 3)))


@pytest.mark.parametrize(
    ("cgroup", "files", "limits"),
    [
        ("0::/\n", {"memory.max": "1073741824\n"}, [2**30]),
        ("0::/\n", {"memory.max": "max\n"}, []),
        (
            "0::/user.slice/a:b\n",
            {"user.slice/memory.max": "512\n", "user.slice/a:b/memory.max": "max\n"},
            [512],
        ),
        (
            "12:cpu,memory:/docker/1\n0::/\n",
            {"memory/memory.limit_in_bytes": "4096\n"},
            [4096],
        ),
        ("", {}, []),
    ],
)
def test_memory_limit_of_a_container_is_known(tmp_path, cgroup, files, limits):
    for name, text in {**files, "../../../proc/self/cgroup": cgroup}.items():
        path = tmp_path / "sys/fs/cgroup" / name
        (tmp_path / "sys/fs/cgroup").mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert list(restorer_module._container_limits(tmp_path)) == limits


def test_default_memory_limit_is_half_of_the_containers(monkeypatch):
    monkeypatch.setattr(restorer_module, "_container_limits", lambda: [2**30])
    assert restorer_module.default_memory_limit() == 2**29


def test_repr_says_network_device_and_tiles():
    class Runner(FakeRunner):
        device = "CPU, by hand"

    def shown(runner=None, **options):
        return repr(Restorer(runner or Runner(), **options))

    assert shown(name="egnet", tile=64) == (
        "<Restorer egnet on CPU, by hand, tiles of 64>"
    )
    assert shown(name="a.tflite", runner=Runner(tile=32)) == (
        "<Restorer a.tflite on CPU, by hand, tiles of 32>"
    )
    assert shown(model_tile=256) == "<Restorer Runner on CPU, by hand, tiles of 256>"
    assert shown(tile=0) == "<Restorer Runner on CPU, by hand, whole images>"
    assert shown(memory_limit=2**31) == (
        "<Restorer Runner on CPU, by hand, whole images within 2 GiB, else tiles>"
    )
    assert shown(tile=64, branches=["whole", "rotate180"]) == (
        "<Restorer Runner on CPU, by hand, tiles of 64, fusing whole, rotate180 by "
        "their mean>"
    )
