import numpy as np
import pytest

from egnet_tf.models import build, finest, last_features

NARROW = {
    "egnet_testing": "stage3_tail",
    "dmphn": "stage4_decoder_conv",
    "mimo_unet": "stage3_tail",
}


@pytest.mark.parametrize("name", NARROW)
def test_the_last_convolution_makes_the_restored_picture_of_them(
    name, randomise, pictures
):
    network = randomise(build(name), stddev=0.05)
    image = pictures(1, 16, 32, 3)
    features = last_features(network)(image)
    picture = network.get_layer(NARROW[name])(features)
    # DMPHN centres its pictures and does not add its last residual to them.
    expected = picture + (0.5 if name == "dmphn" else image)
    np.testing.assert_allclose(finest(network(image)), expected, atol=1e-5)


def test_features_behind_a_strided_stem(pictures):
    image = pictures(2, 32, 64, 3)
    assert last_features(build("egnet_tiny"))(image).shape == (2, 8, 16, 40)
