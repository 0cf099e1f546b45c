"""The PyTorch implementation that MPRNet is timed beside, and the measurement."""

import numpy as np
import pytest

from egnet_tf.models.configs import MPRNetConfig

torch = pytest.importorskip("torch")

from egnet_tf.benchmarks import pytorch  # noqa: E402
from egnet_tf.benchmarks.pytorch_mprnet import MPRNet, charbonnier  # noqa: E402
from egnet_tf.models.torch_weights import network_from_torch  # noqa: E402


def test_it_has_the_published_number_of_parameters():
    assert sum(x.numel() for x in MPRNet().parameters()) == 20_127_073


def test_it_computes_what_ours_computes_with_its_weights():
    torch.manual_seed(0)
    config = MPRNetConfig(
        num_features=8, unet_features=4, orsnet_features=4, num_cabs=2
    )
    network = MPRNet(config)
    state = {name: x.detach().numpy() for name, x in network.state_dict().items()}
    image = np.random.default_rng(0).random((2, 32, 48, 3), np.float32)
    _, ours = network_from_torch("mprnet", state)
    with torch.no_grad():
        theirs = network(torch.from_numpy(image.transpose(0, 3, 1, 2)))
    for name, stage in zip(("stage3", "stage2", "stage1"), theirs, strict=True):
        restored = ours(image)[name].numpy()
        assert np.abs(restored - image).max() > 0.01
        np.testing.assert_allclose(restored, stage.permute(0, 2, 3, 1), atol=1e-5)


def test_charbonnier_is_its_definition():
    one, other = np.random.default_rng(0).random((2, 1, 3, 4, 4))
    found = charbonnier([torch.from_numpy(one)] * 2, torch.from_numpy(other))
    expected = 2 * np.sqrt((one - other) ** 2 + 1e-6).mean()
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.slow
@pytest.mark.process
def test_each_work_has_a_row_of_each_library():
    rows = pytorch.measure(pytorch.Options(size="16x24", repetitions=1))
    assert [(row.work, row.library) for row in rows] == [
        *(("forward", "PyTorch"), ("forward", "TensorFlow")),
        *(("training step", "PyTorch"), ("training step", "TensorFlow")),
    ]
    for row in rows:
        assert row.seconds > 0 and row.processor_seconds > 0
        assert (row.time_ratio == 1) >= (row.library == "PyTorch")
        assert row.peak_megabytes > 100
