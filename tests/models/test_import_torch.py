import re

import numpy as np
import pytest

import egnet_tf
from egnet_tf import models
from egnet_tf.models.torch_checkpoint import DMPHN_FILES
from helpers import ROOT, command, python

pytestmark = pytest.mark.process


def import_torch(backbone, checkpoint, run):
    flags = (f"--backbone={backbone}", f"--checkpoint={checkpoint}", f"--run={run}")
    return command("egnet_tf.import_torch", *flags)


@pytest.fixture(scope="module")
def narrow(randomise):
    """DMPHN of two channels and its weights, by the eight files' names."""
    network = randomise(models.build(models.Variant(models.DMPHNConfig(2))))
    numbers = {
        "encoder": [1, 2, 3, 5, 6, 7, 9, 10, 11],
        "decoder": [13, 14, 16, 17, 18, 20, 21, 22, 24],
    }
    files = {}
    for name in DMPHN_FILES:
        side, level = re.fullmatch(r"(\w+)_lv(\d)", name).groups()
        prefix = f"stage{5 - int(level)}_{side}_"
        layers = [x for x in network.layers if x.name.startswith(prefix) and x.weights]
        files[name] = {}
        for layer, number in zip(layers, numbers[side], strict=True):
            parts = [f"layer{number}"]
            if len(layer.weights) == 4:
                parts = [f"layer{number}.0", f"layer{number}.2"]
            names = [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]
            for key, array in zip(names, layer.get_weights(), strict=True):
                files[name][key] = array.T.swapaxes(2, 3) if array.ndim == 4 else array
    return network, files


@pytest.fixture
def checkpoint(narrow, tmp_path):
    torch = pytest.importorskip("torch")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name, arrays in narrow[1].items():
        state = {f"module.{k}": torch.tensor(a.copy()) for k, a in arrays.items()}
        torch.save(state, folder / f"{name}.pkl")
    return folder


def test_import_torch_converts_a_checkpoint_to_a_run(
    narrow, checkpoint, tmp_path, images
):
    run = tmp_path / "runs" / "dmphn"
    done = import_torch("dmphn", checkpoint, run)
    assert done.returncode == 0, done.stderr
    network, _ = narrow
    assert f"{network.count_params():,} parameters (num_features 2)" in done.stdout
    assert models.load(run / "weights").crop == 256
    image = images(32, 48, 3)
    expected = np.clip(network(image[None])["stage4"][0], 0, 1)
    np.testing.assert_allclose(egnet_tf.load(run)(image), expected, atol=1e-5)


def assert_refused(done, message):
    assert done.returncode == 1
    assert re.fullmatch(rf"error: {message} Received: .*\n", done.stderr)


def test_import_torch_names_a_damaged_file(checkpoint, tmp_path):
    file = checkpoint / "encoder_lv3.pkl"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = import_torch("dmphn", checkpoint, tmp_path / "run")
    assert_refused(done, r"Expected a whole checkpoint\.")
    assert "encoder_lv3.pkl, which is damaged" in done.stderr
    assert not (tmp_path / "run").exists()


def test_import_torch_does_not_overwrite_a_run(tmp_path):
    done = import_torch("mprnet", tmp_path / "model.pth", tmp_path)
    assert_refused(done, "Expected a --run that is not there yet.")


def test_import_torch_without_torch_names_what_to_install(tmp_path):
    checkpoint = tmp_path / "old.pth"
    checkpoint.write_bytes(b"\x80\x02")
    script = (
        "import runpy, sys; sys.modules['torch'] = None; "
        "runpy.run_module('egnet_tf.import_torch', run_name='__main__')"
    )
    words = (f"--checkpoint={checkpoint}", f"--run={tmp_path / 'run'}")
    done = python("-c", script, *words, cwd=ROOT)
    assert_refused(done, r"Expected the extra torch: pip install .\.\[torch\].\.")
