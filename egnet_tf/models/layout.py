"""How the graph of a network is laid out."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras


@dataclasses.dataclass(frozen=True)
class Layout:
    """What changes a network's graph and neither its weights nor its results.

    Given to `egnet_tf.models.build` as keyword arguments, and never stored.

    Attributes:
        image_size: (height, width) of the input, None where it is to stay open.
        batch_size: a fixed batch size, for export.
        stack_patches: stack the patches of the hierarchy on the batch axis; False
            keeps them apart, see `egnet_tf.layers.patches`.
        recompute: keep only the inputs of the blocks for the gradient and compute the
            values inside again: less memory for about a third more time.
        attention_block: queries of the position attention at a time, see
            `blockwise_attention`; None for all at once, without a loop.
        unfold_transposed: compute transposed convolutions that end in an image as
            1x1 convolutions and a rearrangement, see `UnfoldedConv2DTranspose`.
        features: EGN's features before and after as further outputs, see
            `egnet_tf.models.features`.
    """

    image_size: tuple[int | None, int | None] = (None, None)
    batch_size: int | None = None
    stack_patches: bool = True
    recompute: bool = False
    attention_block: int | None = 1024
    unfold_transposed: bool = False
    features: bool = False

    def image_input(self, size_multiple: int) -> Any:
        """The symbolic input of a network: float32 (B, H, W, 3) in [0, 1].

        Raises:
            ValueError: a fixed image size is not a multiple.
        """
        if any(side is not None and side % size_multiple for side in self.image_size):
            raise ValueError(
                f"Expected height and width as multiples of {size_multiple}. "
                f"Received: {self.image_size}"
            )
        return keras.Input(
            (*self.image_size, 3), batch_size=self.batch_size, name="image"
        )


DEFAULT_LAYOUT = Layout()
