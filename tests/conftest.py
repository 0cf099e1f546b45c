import os
import re

import numpy as np
import pytest

_EXTRAS = {
    "addons": "addons",
    "beam": "apache_beam",
    "onnx": "onnx",
    "openvino": "openvino|nncf",
    "serving": "serving|tensorflow_serving|grpc|requests|kserve|REST server",
    "torch": "torch",
    "video": "'av'",
    "vulkan": "no Vulkan driver",
}
_SYSTEMS = "Windows|SIGKILL|no bash|tells no peak|no small disk|no ffprobe|no such name"
"""Patterns of the reasons for which a test may be skipped; others are failures.

What an extra brings is missing where it is not installed. A lane that installs one for
its tests names it in EGNET_TF_REQUIRED, such as "onnx,serving": there it is missing by
mistake.
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    _refuse_unlisted_skip((yield).get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    _refuse_unlisted_skip((yield).get_result())


def _refuse_unlisted_skip(report) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    required = os.environ.get("EGNET_TF_REQUIRED", "").split(",")
    allowed = [text for name, text in _EXTRAS.items() if name not in required]
    if not re.search("|".join([_SYSTEMS, *allowed]), reason):
        report.outcome = "failed"
        report.longrepr = f"Skipped, and not on the list of conftest.py: {reason}"


@pytest.fixture(scope="session")
def testing_model():
    """The smallest network and its self-ensemble, moved off the identity."""
    import keras

    from egnet_tf import models
    from egnet_tf.inference.branches import PAPER_BRANCHES

    keras.utils.set_random_seed(0)
    variant = models.variant("egnet_testing")
    network, ensemble = models.build(variant), models.build_ensemble(variant)
    rng = np.random.default_rng(0)
    for variable in (*network.trainable_variables, *ensemble.trainable_variables):
        variable.assign_add(rng.normal(0, 0.02, variable.shape))
    return models.LoadedModel(variant, network, ensemble, PAPER_BRANCHES, 16)
