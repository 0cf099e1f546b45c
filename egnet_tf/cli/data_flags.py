"""The flags that say which pairs a command reads, the same in every command.

Training has them too, as fields of `egnet_tf.training.Recipe`, for they belong to a
run; a test holds both to the same names and defaults.
"""

from __future__ import annotations

import dataclasses

from absl import flags

from egnet_tf.data import Pairs, open_pairs
from egnet_tf.data.datasets.gopro import BLURS
from egnet_tf.data.registry import DATASETS, SPLITS, DataOptions
from egnet_tf.errors import InputError

_DEFAULTS = DataOptions()


class DataFlags:
    """Defines the flags; make one where a command's flags are defined.

    Args:
        dataset: default of --dataset; None where it must be given.
        split: default of --split.
        flag_values: where to define them.
    """

    def __init__(
        self,
        dataset: str | None = "samples",
        split: str = "test",
        flag_values: flags.FlagValues = flags.FLAGS,
    ):
        values = {"flag_values": flag_values}
        self.dataset = flags.DEFINE_string(
            "dataset",
            dataset,
            f"Dataset, or several (docs/data.md): {', '.join(DATASETS)}.",
            **values,
        )
        self.data_dir = flags.DEFINE_string(
            "data_dir", None, "The dataset's folder.", **values
        )
        self.split = flags.DEFINE_enum(
            "split", split, SPLITS, "Which part of the dataset.", **values
        )
        self.seed = flags.DEFINE_integer(
            "seed", 0, "Of blur that is made on the fly.", **values
        )
        self._options = {
            holder.name: holder
            for holder in (
                flags.DEFINE_enum(
                    "gopro_blur",
                    _DEFAULTS.gopro_blur,
                    list(BLURS),
                    "GoPro's folder blur or blur_gamma.",
                    **values,
                ),
                flags.DEFINE_enum(
                    "frames_blur",
                    _DEFAULTS.frames_blur,
                    list(BLURS),
                    "What of the frames is averaged.",
                    **values,
                ),
                flags.DEFINE_list(
                    "frames_windows",
                    list(_DEFAULTS.frames_windows),
                    "Odd numbers of frames to average.",
                    **values,
                ),
                flags.DEFINE_float(
                    "camera_shake_extent",
                    _DEFAULTS.camera_shake_extent,
                    "Longest camera shake, in pixels.",
                    lower_bound=0.0,
                    **values,
                ),
                flags.DEFINE_string(
                    "blurry",
                    _DEFAULTS.blurry,
                    "With --dataset=folder: pattern of the blurry files.",
                    **values,
                ),
                flags.DEFINE_string(
                    "sharp",
                    _DEFAULTS.sharp,
                    "With --dataset=folder: pattern of the sharp files.",
                    **values,
                ),
            )
        }

    def options(self) -> DataOptions:
        """What the flags say about single datasets.

        Raises:
            InputError: the windows are not numbers.
        """
        values = {name: holder.value for name, holder in self._options.items()}
        try:
            values["frames_windows"] = tuple(map(int, values["frames_windows"]))
        except ValueError:
            raise InputError(
                "Expected --frames_windows as whole numbers with commas between. "
                f"Received: {','.join(values['frames_windows'])}"
            ) from None
        return DataOptions(**values)

    def open(self) -> Pairs:
        """Opens the pairs.

        Raises:
            InputError: there is no such dataset, or its files are not as expected.
        """
        return open_pairs(
            self.dataset.value,
            data_dir=self.data_dir.value,
            split=self.split.value,
            seed=self.seed.value,
            options=self.options(),
        )

    def title(self) -> str:
        """Dataset, split and what is not as usual: "gopro test, gopro_blur=gamma"."""
        chosen = dataclasses.asdict(self.options())
        usual = dataclasses.asdict(_DEFAULTS)
        unusual = [
            f"{name}={_text(self._options[name].value)}"
            for name in self._options
            if chosen[name] != usual[name]
        ]
        return ", ".join([f"{self.dataset.value} {self.split.value}", *unusual])


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
