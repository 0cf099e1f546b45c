import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference.branches import PAPER_BRANCHES, branch_images
from export.graphs.tile import tile_graph


@pytest.fixture(scope="module")
def fused(source):
    """The source with its self-ensemble."""
    return dataclasses.replace(source, branches=PAPER_BRANCHES)


@pytest.mark.slow
def test_tile_fuses_the_branches_inside_the_graph(fused, blurry):
    restore = tile_graph(fused, 64)
    loaded = fused.loaded
    for image in blurry[:2]:
        images = branch_images(
            lambda x: models.finest(loaded.network(x)), image, size_multiple=32
        )
        expected = np.clip(loaded.ensemble(images), 0, 1)
        (restored,) = restore(tf.constant(image))
        np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_source_has_the_branches_in_the_order_of_the_ensemble(fused):
    other = dataclasses.replace(fused, branches=PAPER_BRANCHES[::-1])
    assert other.branches == PAPER_BRANCHES
    assert other.ensemble is fused.loaded.ensemble
    assert dataclasses.replace(fused, fuse="mean").ensemble is None
    assert dataclasses.replace(fused, branches=("whole",)).ensemble is None
    with pytest.raises(InputError, match="--fuse=trained"):
        dataclasses.replace(fused, branches=("whole",), fuse="trained")


@pytest.mark.slow
@pytest.mark.parametrize("branches", [("eight_views",), ("whole", "scale0.5")])
def test_tile_fuses_views_and_scales(source, blurry, branches):
    views = dataclasses.replace(source, branches=branches)
    (restored,) = tile_graph(views, 64)(tf.constant(blurry[0]))
    images = branch_images(
        lambda x: models.finest(views.loaded.network(x)),
        tf.constant(blurry[0]),
        views.branches,
        size_multiple=32,
    )
    expected = np.clip(np.mean(images, axis=0), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_tile_that_is_not_a_multiple_is_refused(source, fused):
    with pytest.raises(InputError, match=r"multiple of 32\. Received: 36"):
        tile_graph(source, 36)
    with pytest.raises(InputError, match=r"multiple of 64\. Received: 32"):
        tile_graph(fused, 32)
