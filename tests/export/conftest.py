import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from egnet_tf import models
from egnet_tf.data import open_pairs
from egnet_tf.images.convert import reflect_pad, to_float, to_uint8
from egnet_tf.inference.branches import PAPER_BRANCHES
from export.checks.images import calibration_crops, check_pairs
from export.checks.source import Source
from helpers import random_image

TILE = 64


@pytest.fixture(scope="session")
def pairs():
    """A few windows of images of the tile's size."""
    return check_pairs(open_pairs("samples", split="test"), (TILE, TILE), 6)


@pytest.fixture(scope="session")
def device_model():
    """The variant for phones with a few channels, moved off the identity."""
    mobile = models.variant("egnet_mobile")
    variant = dataclasses.replace(
        mobile,
        backbone=dataclasses.replace(mobile.backbone, num_features=8, unet_features=8),
        egn=dataclasses.replace(mobile.egn, filters=8, num_modules=1, key_filters=4),
        ensemble_features=4,
    )
    keras.utils.set_random_seed(0)
    network = models.build(variant)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        # What starts at zero ends in an image: a restoration changes it a little.
        deviation = 0.02 if np.any(variable) else 0.001
        variable.assign_add(rng.normal(0, deviation, variable.shape))
    ensemble = models.build_ensemble(variant)
    return models.LoadedModel(variant, network, ensemble, PAPER_BRANCHES, 64)


@pytest.fixture(scope="session")
def source(device_model, pairs):
    """The device's network, without its self-ensemble."""
    return Source("runs/testing", device_model, ("whole",), pairs, "samples test")


@pytest.fixture(scope="session")
def crops():
    """Crops for calibration."""
    return calibration_crops(open_pairs("samples", split="train"), TILE, 8)


@pytest.fixture(scope="session")
def blurry(pairs):
    """The blurry windows as a network takes them: float32 (1, 64, 64, 3)."""
    return [to_float(pair.blurry)[None] for pair in pairs]


@pytest.fixture(scope="session")
def version(device_model, pairs, tmp_path_factory):
    """Folder of an exported version, which takes images of up to 10,000 pixels."""
    from export.saved_model_writer import write_version

    source = Source("device", device_model, ("whole",), pairs, "samples test")
    return write_version(source, tmp_path_factory.mktemp("egnet"), 10_000).path


@pytest.fixture(scope="session")
def image():
    small = Image.fromarray(random_image((5, 6, 3)))
    return np.asarray(small.resize((61, 47), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def expected(device_model, image):
    """What the network itself makes of the image, as levels."""
    batch = reflect_pad(to_float(image), 17, 3)[None]
    restored = np.asarray(models.finest(device_model.network(batch)))[0, :47, :61]
    return to_uint8(restored).astype(int)
