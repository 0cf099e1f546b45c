"""EGN in a small U-Net of your own, trained on Eq. 17 by `model.fit`.

python examples/egn_in_your_network.py
"""

import functools

import keras
import numpy as np

from egnet_tf import EGNConfig, EGNetLoss, Enhancer

conv = functools.partial(keras.layers.Conv2D, padding="same", activation="relu")
enhance = Enhancer(EGNConfig(filters=16, num_modules=1, key_filters=8), image_stride=4)

image = keras.Input((64, 64, 3))
fine = conv(16, 3)(image)
coarse = conv(32, 4, strides=4)(fine)  # The encoder: features at 1/4 of the size.
gradient = enhance.gradient_map(image)
coarse = enhance(1, coarse, gradient)  # EGN: the features and the gradient map.
coarse = keras.layers.UpSampling2D(4)(conv(32, 3)(coarse))  # The decoder.
merged = conv(16, 3)(keras.layers.Concatenate()([fine, coarse]))
residual = keras.layers.Conv2D(3, 3, padding="same")(merged)
unet = keras.Model(image, keras.layers.Add()([image, residual]))

sharp = np.random.default_rng(0).random((16, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
blurry = keras.layers.AveragePooling2D(5, strides=1, padding="same")(sharp)
unet.compile("adam", EGNetLoss())
history = unet.fit(np.asarray(blurry), sharp, batch_size=4, epochs=5)
