import numpy as np
import pytest


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
