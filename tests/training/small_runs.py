"""Runs of the smallest network, for tests that need processes of their own.

python small_runs.py devices FOLDER   the same step and run on one device and on two
python small_runs.py kills FOLDER     an uninterrupted run, and one killed ten times
python small_runs.py folders FOLDER  a run, and what may happen to its folder
python small_runs.py addons FOLDER    runs with optimizers that hold others, and the
                                      same resumed in the middle
"""

import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from conftest import OneConvolution
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.models import VARIANTS, EGNConfig, MIMOUNetConfig, Variant
from egnet_tf.training import Recipe, RunFolder, train
from egnet_tf.training.averages import WeightAverages
from egnet_tf.training.log import PhaseLog
from egnet_tf.training.loop import train_step
from egnet_tf.training.resumption import Inputs, begin
from egnet_tf.training.state import TrainState

# Replaces the tests' network: half as large, with a third of its layers.
VARIANTS["egnet_testing"] = Variant(
    MIMOUNetConfig(num_features=2, num_blocks=1),
    egn=EGNConfig(filters=4, num_modules=1, key_filters=2),
    ensemble_features=2,
)
RECIPE = {
    "variant": "egnet_testing",
    "loss": "mprnet",  # MS-SSIM would need larger crops.
    "crop": 16,
    "batch": 4,
    "clip_norm": 0.5,
    "learning_rate": 1e-3,
    "warmup_steps": 2,
    "ema_decay": 0.9,
    "hsic": False,
}
KILLS = 10


class Images(Pairs):
    """Random smooth images; the blurry ones are paler."""

    def __init__(self):
        self.names = tuple("abcde")
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (5, 6, 8, 3), np.uint8)
        self._sharp = coarse.repeat(4, axis=1).repeat(4, axis=2)

    def read(self, index):
        sharp = self._sharp[index]
        return Pair(sharp // 2 + 60, sharp)


def run(folder, strategy, resume_with=(), **options):
    recipe = Recipe(**RECIPE | options)
    folder, images = RunFolder(folder), Images()
    begin(folder, recipe, Inputs.of(recipe, images, images), resume_with)
    train(recipe, folder, strategy, images, images)


def devices(folder):
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    steps = dict.fromkeys(
        ("backbone_steps", "egn_steps", "joint_steps", "ensemble_steps"), 4
    )
    one = tf.distribute.OneDeviceStrategy("/CPU:0")
    both = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    np.savez(folder / "steps.npz", one=descended(one), two=descended(both))
    run(folder / "one", one, **steps)
    run(folder / "two", both, accumulate=2, **steps)


def descended(strategy):
    """The weights of one convolution after three clipped steps down the gradient.

    Under Adam the scale of a gradient would not show.
    """
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images = rng.random((3, 2, 4, 16, 16, 3), np.float32)
    recipe = Recipe(batch=4, loss="mprnet", clip_norm=0.01, skip_non_finite=True)
    with strategy.scope():
        image = keras.Input((16, 16, 3))
        output = keras.layers.Conv2D(3, 3, padding="same")(image)
        phase = OneConvolution(keras.Model(image, output))
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(phase.trained)
    averages = WeightAverages([], 0.0, strategy)
    state = TrainState(phase, optimizer, None, averages, tf.Variable(0))

    @tf.function(autograph=False)
    def step(batch):
        return train_step(state, recipe, strategy, batch, tf.constant(0.0))

    share = 4 // strategy.num_replicas_in_sync
    for blurry, sharp in images:

        def of_device(context, blurry=blurry, sharp=sharp):
            first = context.replica_id_in_sync_group * share
            part = slice(first, first + share)
            return {
                "blurry": tf.constant(blurry[part]),
                "sharp": tf.constant(sharp[part]),
            }

        batch = strategy.experimental_distribute_values_from_function(of_device)
        values = step(batch)
        assert values["gradient_norm"] > 0.02, "nothing to clip"
    return np.concatenate([np.ravel(v.numpy()) for v in phase.trained])


def kills(folder):
    """Each attempt is a fork: TensorFlow is imported once, and begins anew in each."""
    rng = np.random.default_rng(0)
    moments = [(int(rng.integers(0, 8)), rng.uniform(0, 0.3)) for _ in range(KILLS)]
    assert attempt(folder / "alone", None) == 0
    killed = [attempt(folder / "killed", moment) for moment in moments]
    assert killed == [-signal.SIGKILL] * KILLS, killed
    assert attempt(folder / "killed", None) == 0


def folders(folder):
    """What may happen to the folder of a run between two processes."""
    options = {
        "backbone_steps": 6,
        "egn_steps": 4,
        "checkpoint_every": 2,
        # Not the schedule, or an extended run would differ.
        "final_learning_rate": RECIPE["learning_rate"],
    }
    one = tf.distribute.OneDeviceStrategy("/CPU:0")

    def copy_without(name, *gone):
        copy = folder / name
        shutil.copytree(folder / "whole", copy)
        for pattern in gone:
            for path in copy.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return copy

    run(folder / "whole", one, **options)
    last = "checkpoints/egn/ckpt-4*"
    copies = [
        copy_without("a[1]*\\, ü", last),
        copy_without("earlier_phase", last, "checkpoints/backbone"),
        copy_without("weights", "weights"),
        copy_without("half_of_weights", "weights/network*"),
        copy_without("best", "best", last),
    ]
    for copy in copies:
        run(copy, one, **options)
    short = options | {"egn_steps": 1}
    run(folder / "extended", one, **short)
    run(folder / "extended", one, ["steps"], **options)


def addons(folder):
    strategy = tf.distribute.OneDeviceStrategy("/CPU:0")
    for name in ("lookahead", "swa"):
        options = {"optimizer": name, "backbone_steps": 8, "checkpoint_every": 4}
        run(folder / name, strategy, **options)
        again = folder / f"{name}_again"
        shutil.copytree(folder / name, again)
        for path in (again / "checkpoints" / "backbone").glob("ckpt-8*"):
            path.unlink()
        run(again, strategy, **options)


def attempt(folder, moment):
    """Trains in a fork, and kills it: so many seconds after so many steps."""
    steps, seconds = moment or (0, 0)
    progress, done = os.pipe()
    child = os.fork()
    if not child:
        try:
            one_run(folder, done)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(done)
    if moment:
        for _ in range(steps):
            if not os.read(progress, 1):
                break  # It ended before.
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(progress)
    return os.waitstatus_to_exitcode(status)


def one_run(folder, done):
    log_step = PhaseLog.train_step

    def reported(self, *args):
        log_step(self, *args)
        os.write(done, b".")

    PhaseLog.train_step = reported
    run(
        folder,
        tf.distribute.OneDeviceStrategy("/CPU:0"),
        backbone_steps=60,
        egn_steps=10,
        checkpoint_every=3,
        validate_every=20,
        validation_pairs=1,
    )


if __name__ == "__main__":
    # Rewriting the graphs costs more time than such networks take to run.
    quick = {"disable_meta_optimizer": True}
    tf.config.optimizer.set_experimental_options(quick)
    jobs = {"devices": devices, "kills": kills, "folders": folders, "addons": addons}
    jobs[sys.argv[1]](Path(sys.argv[2]))
