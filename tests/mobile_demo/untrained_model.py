"""Writes a tile model with random weights: python untrained_model.py model.tflite.

For the tests of the demos where no trained one is at hand: they compare what a model
gives in one place with what it gives in another.
"""

import sys
import tempfile
from pathlib import Path

from egnet_tf.quiet_tensorflow import muted_stderr

with muted_stderr():
    import keras
    import tensorflow as tf


def main() -> None:
    """Builds a residual network of a few convolutions and converts it."""
    keras.utils.set_random_seed(0)
    image = keras.Input((256, 256, 3), batch_size=1, name="image")
    features = image
    for _ in range(3):
        features = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(
            features
        )
    residual = keras.layers.Conv2D(3, 3, padding="same", name="residual")(features)
    restored = keras.layers.Add(name="restored")([image, residual])
    model = keras.Model(image, {"restored": restored})
    signature = [tf.TensorSpec((1, 256, 256, 3), tf.float32, name="image")]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model.__call__, input_signature=signature)
    with tempfile.TemporaryDirectory() as folder, muted_stderr():
        archive.write_out(folder, verbose=False)
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    Path(sys.argv[1]).write_bytes(content)


if __name__ == "__main__":
    main()
