import os
import re

import numpy as np
import pytest

ALLOWED_SKIPS = {
    "addons": "the extra `addons` is TensorFlow 2.15: a lane of its own",
    "torch": "the extra `torch` is large: installed in one lane",
    "Windows|SIGKILL|no peak": "another system's",
    "no small disk": "a limit stands in for it where nothing can be mounted",
    "extras? |No module named '(onnx|tf2onnx|grpc|requests|kserve|tensorflow_serving)'": (
        "the lane of the extra `addons` cannot have KServe and ONNX beside it"
    ),
}
"""Pattern of a skip's reason -> why it may be skipped; any other skip is a failure.

Lanes that install an extra for its tests name it in EGNET_TF_REQUIRED, such as
"torch": there its skips are failures too.
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
    allowed = (name for name in ALLOWED_SKIPS if name not in required)
    if not any(re.search(name, reason) for name in allowed):
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
