import re

import pytest

import egnet_tf
from egnet_tf.inference.resolve import resolve
from egnet_tf.model_list import Measured, all_models
from egnet_tf.models.variants import VARIANTS
from egnet_tf.paper.published import TABLE_1
from helpers import ROOT, call


def test_every_variant_is_listed_with_what_ships():
    models = {model.name: model for model in all_models()}
    assert list(models) == list(VARIANTS)
    folders = {path.parent.name for path in (ROOT / "egnet_tf/weights").glob("*/*.h5")}
    assert {name for name, model in models.items() if model.files} == folders
    for name, model in models.items():
        variant = VARIANTS[name]
        assert (model.tile, model.size_multiple) == (
            variant.tile,
            variant.size_multiple,
        )
    assert models["egnet"].published == TABLE_1["EGNet"]["gopro"]
    assert models["egnet_tiny"].published is None


def test_list_models_gives_what_load_finds():
    shipped = egnet_tf.list_models()
    assert "egnet_mobile" in [model.name for model in shipped]
    for model in shipped:
        source = resolve(model.name)
        assert source.kind == "shipped"
        for name, size in model.files.items():
            assert (source.path / name).stat().st_size == size
        assert model.licence == "Apache-2.0"
        assert model.measured


def test_scores_are_those_of_the_model_card():
    (mobile,) = (x for x in egnet_tf.list_models() if x.name == "egnet_mobile")
    card = (ROOT / "egnet_tf/weights/egnet_mobile/README.md").read_text()
    for one in mobile.measured:
        (line,) = (x for x in card.splitlines() if x.startswith(f"| {one.dataset} |"))
        cells = [cell.strip() for cell in line.split("|")]
        assert cells[2:6] == [
            f"`{one.protocol}`",
            str(one.images),
            f"{one.blurry_psnr:.2f} dB / {one.blurry_ssim:.4f}",
            f"{one.psnr:.2f} dB / {one.ssim:.4f}",
        ]
        assert cells[6] == f"{one.gain:.2f} dB" or abs(
            one.gain - float(cells[6].split()[0])
        ) == pytest.approx(0.01, abs=1e-6)  # The gain of means that were not rounded.
    assert Measured("a", "plain", 1, 20.0, 0.5, 21.5, 0.6).gain == 1.5


def test_command_prints_the_list(tmp_path):
    done = call("egnet_tf.models.__main__", f"--output={tmp_path / 'list.csv'}")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(VARIANTS)
    line = next(line for line in lines if line.startswith("mprnet "))
    assert "20,127,073" in line and "32.66 dB / 0.959" in line
    line = next(line for line in lines if line.startswith("egnet_mobile "))
    assert re.search(r"shipped, \d+\.\d MB", line)
    assert len((tmp_path / "list.csv").read_text().splitlines()) == len(lines)


@pytest.mark.slow
def test_sizes_are_those_of_the_networks():
    """Of the smaller ones: the others take long to trace."""
    from egnet_tf.models import build, multiply_adds

    models = {model.name: model for model in all_models()}
    assert models["mprnet"].parameters == 20_127_073  # As published.
    for name in ("egnet_mobile", "egnet_testing"):
        network = build(name, attention_block=None)
        assert models[name].parameters == network.count_params()
        assert models[name].multiply_adds == multiply_adds(network, 256, 256)
