"""Trains a little, exports everything, restores one image through each file."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

import egnet_tf
from egnet_tf import models
from egnet_tf.data import open_pairs
from egnet_tf.inference.branches import PAPER_BRANCHES
from export.litert.modes import TOLERANCES
from helpers import command

for package in ("tf2onnx", "onnxruntime", "tensorflow_serving"):
    pytest.importorskip(package, reason="needs the extras onnx and serving")

pytestmark = [pytest.mark.slow, pytest.mark.process]

TILE = 64
# Of a value in [0, 1], as the commands state them; integers: what their PSNR implies
# for networks this near the identity, with room.
LIMITS = {
    "float32": TOLERANCES["float32"].difference,
    "float16": TOLERANCES["float16"].difference,
    "dynamic": 0.03,
    "int8": 0.06,
    "int8_uint8": 0.06,
    "int8_full": 0.06,
    "int16x8": 0.05,
}


def trained(variant, ensemble):
    """Some steps on crops of the sample photographs."""
    keras.utils.set_random_seed(0)
    network = models.build(variant)
    pairs = open_pairs("samples", split="train")
    rng = np.random.default_rng(0)
    optimizer = keras.optimizers.Adam(1e-3)
    variables = network.trainable_variables
    for number in range(4):
        pair = pairs.crop(number, TILE, rng)
        blurry, sharp = (tf.constant(p[None] / np.float32(255)) for p in pair)
        with tf.GradientTape() as tape:
            outputs = network(blurry, training=True)
            loss = tf.add_n(
                [tf.reduce_mean((o - sharp) ** 2) for o in outputs.values()]
            )
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
    fuse = models.build_ensemble(variant) if ensemble else None
    branches = PAPER_BRANCHES if ensemble else ()
    return models.LoadedModel(variant, network, fuse, branches, TILE)


def variant_of(name, device_model):
    return models.variant(name) if name == "egnet_testing" else device_model.variant


@pytest.mark.parametrize("name", ["egnet_testing", "device"])
def test_exports_restore_a_photo_as_keras_does(name, device_model, tmp_path):
    run, dist = tmp_path / name, tmp_path / "dist"
    variant = variant_of(name, device_model)
    models.save(run / "weights", trained(variant, ensemble=name == "egnet_testing"))
    options = [f"--output={dist}", f"--tile={TILE}", "--calibration=6", "--checked=3"]
    done = command("export.all", f"--model={run}", *options)
    assert done.returncode == 0, done.stderr[-3000:]

    photo = open_pairs("samples", split="test").read(2).blurry[:TILE, :TILE]
    photo = photo / np.float32(255)
    # A file of one tile restores the photo as that tile; the others in the tiles of the
    # variant.
    whole = egnet_tf.load(run, branches=["whole"], tile=0)(photo)
    fused = egnet_tf.load(run)(photo)
    assert np.abs(whole - photo).max() > 1e-3
    files = {f"{name}_{mode}.tflite": (whole, limit) for mode, limit in LIMITS.items()}
    files[f"{name}_{TILE}.onnx"] = (whole, 1e-4)
    files[f"{name}.onnx"] = (fused, 1e-4)
    files[f"saved_model/{name}"] = (fused, 1e-5)
    for file, (expected, limit) in files.items():
        difference = np.abs(egnet_tf.load(dist / file)(photo) - expected).max()
        assert difference <= limit, file
    with (dist / "exports.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == len(files)
    for row in rows:  # Integers alone may lose more.
        limit = 0.2 if row["kind"] == "tflite int8_full" else 0.1
        assert float(row["db_lost"]) < limit, row
