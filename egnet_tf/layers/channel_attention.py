"""Channel attention: MPRNet's block and the paper's RCA module (Eq. 2-3)."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from egnet_tf.layers.activations import features_shape, parametric_relu, split_slope
from egnet_tf.layers.pooling import GlobalPool

GATES = {"sigmoid": tf.nn.sigmoid, "linear": tf.identity}


@keras.saving.register_keras_serializable(package="egnet_tf")
class ResidualChannelAttention(keras.layers.Layer):
    """x + y * gate(C4(ReLU(C3(mean(y))))) with y = C2(R(C1(x))).

    With `gate="sigmoid"` this is the channel attention block (CAB) of MPRNet; with
    `gate="linear"` it is the RCA module as the paper prints it in Eq. 2-3.

    Args:
        filters: channels in and out.
        reduction: C3 leaves filters // reduction channels (at least 1).
        gate: "sigmoid" or "linear".
        use_bias: whether the four convolutions have biases.
        recompute: discard the intermediate values after the forward pass and compute
            them again for the gradient: less memory for about a third more time.

    Call: (B, H, W, filters), or `[features, slope]` for a PReLU in place of the ReLU
    between C1 and C2 -> (B, H, W, filters).
    """

    def __init__(
        self,
        filters: int,
        reduction: int = 4,
        gate: str = "sigmoid",
        use_bias: bool = False,
        recompute: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if gate not in GATES:
            raise ValueError(f"gate must be one of {list(GATES)}. Received: {gate!r}")
        self.filters = filters
        self.reduction = reduction
        self.gate = gate
        self.use_bias = use_bias
        self.recompute = recompute
        conv = keras.layers.Conv2D
        squeezed = max(1, filters // reduction)
        options = {"use_bias": use_bias, "dtype": self.dtype_policy}
        self.conv1 = conv(filters, 3, padding="same", name="conv1", **options)
        self.conv2 = conv(filters, 3, padding="same", name="conv2", **options)
        self.conv3 = conv(squeezed, 1, name="conv3", **options)
        self.conv4 = conv(filters, 1, name="conv4", **options)
        self.pool = GlobalPool(name="pool", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        features = (None, None, None, self.filters)
        for layer in (self.conv1, self.conv2, self.conv3):
            layer.build(features)
        self.conv4.build((None, None, None, self.conv3.filters))
        self.built = True

    def call(self, inputs: Any) -> tf.Tensor:
        block = tf.recompute_grad(self._block) if self.recompute else self._block
        return block(inputs)

    def _block(self, inputs: Any) -> tf.Tensor:
        x, slope = split_slope(inputs)
        y = self.conv2(parametric_relu(self.conv1(x), slope))
        weights = self.conv4(tf.nn.relu(self.conv3(self.pool(y))))
        return x + y * GATES[self.gate](weights)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return features_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "reduction": self.reduction,
            "gate": self.gate,
            "use_bias": self.use_bias,
            "recompute": self.recompute,
        }
