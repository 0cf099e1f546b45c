"""The files' operators and shapes, and that a wrong file is not written."""

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference.branches import PAPER_BRANCHES, branch_images
from egnet_tf.inference.litert_runner import LiteRTRunner
from export.litert_conversion import TOLERANCES, convert
from export.parity import largest_difference, photo_tiles, write_checked
from export.tile_model import tile_model

TILE = 32
# Random weights carry values well beyond a picture's range, and float16's relative
# error of 5e-4 with them: the limit of the command is for trained networks.
LIMITS = {"float32": TOLERANCES["float32"], "float16": 1e-2}


@pytest.fixture(scope="module")
def trained(testing_model, tmp_path_factory):
    """A folder of weights, and the model in it."""
    folder = tmp_path_factory.mktemp("run") / "weights"
    models.save(folder, testing_model)
    return folder, testing_model


@pytest.fixture(scope="module")
def tile(trained):
    return tile_model(trained[0], tile=TILE)


@pytest.fixture(scope="module", params=list(TOLERANCES))
def content(request, tile):
    return request.param, convert(tile, request.param)


def plain(loaded):
    """The network as trained, patches stacked and size open."""
    return lambda image: np.clip(models.finest(loaded.network(image)), 0, 1)


def test_equals_the_network_it_came_from(content, trained, tmp_path):
    mode, data = content
    path = tmp_path / "model.tflite"
    restore, limit = plain(trained[1]), LIMITS[mode]
    difference = write_checked(path, data, LiteRTRunner, restore, TILE, limit)
    assert path.read_bytes() == data
    # Against the blurry picture itself: the comparison is not of two identities.
    assert difference <= limit < largest_difference(restore, lambda x: x, TILE)


def test_only_builtin_operators_and_no_variables(content, capfd):
    tf.lite.experimental.Analyzer.analyze(model_content=content[1])
    listing = capfd.readouterr().out.upper()
    assert "CONV_2D" in listing
    for forbidden in ("FLEX", "CUSTOM", "VAR_HANDLE", "READ_VARIABLE", "WHILE"):
        assert forbidden not in listing


def test_a_float32_file_holds_its_weights(content, tile):
    mode, data = content
    if mode == "float32":
        assert len(data) > 4 * tile.count_params()
    else:
        assert len(data) < len(convert(tile, "float32"))


def test_a_different_file_is_not_written(content, tmp_path):
    _, data = content
    with pytest.raises(InputError, match=r"nothing written\. Received: "):
        write_checked(
            tmp_path / "x.tflite", data, LiteRTRunner, lambda x: x + 0.1, TILE, 2e-3
        )
    with pytest.raises(InputError, match="Received: nan"):
        write_checked(
            tmp_path / "x.tflite", data, LiteRTRunner, lambda x: x * np.nan, TILE, 1.0
        )
    assert not list(tmp_path.iterdir())


def test_branches_are_fused_inside_the_graph(trained):
    folder, loaded = trained
    model = tile_model(folder, PAPER_BRANCHES, TILE)

    def whole(image):
        images = branch_images(lambda x: models.finest(loaded.network(x)), image)
        return np.clip(loaded.ensemble(images), 0, 1)

    def tiled(image):
        return model.predict_on_batch(image)["restored"]

    assert largest_difference(tiled, whole, TILE) < 1e-5


def test_a_tile_the_network_does_not_take_is_refused(trained):
    with pytest.raises(InputError, match=r"multiple of 8\. Received: 36"):
        tile_model(trained[0], tile=36)
    with pytest.raises(InputError, match=r"multiple of 16\. Received: 24"):
        tile_model(trained[0], PAPER_BRANCHES, 24)


def test_photo_tiles_are_photographs():
    tiles = list(photo_tiles(64))
    assert len(tiles) >= 6
    for tile in tiles:
        assert tile.shape == (1, 64, 64, 3) and tile.dtype == np.float32
        assert 0 <= tile.min() < tile.max() <= 1
        assert tile.std() > 0.01
