"""Temporary: for commands that still define their flags in flags.FLAGS."""

from absl import flags

from egnet_tf.cli import dataset_flags


class DataFlags:
    """Temporary."""

    def __init__(self, dataset="samples", split="test"):
        dataset_flags.define(flags.FLAGS, dataset, split)
        self.seed = flags.FLAGS["seed"]

    def open(self):
        """Temporary."""
        return dataset_flags.open_pairs(flags.FLAGS)

    def title(self):
        """Temporary."""
        return dataset_flags.title(flags.FLAGS)
