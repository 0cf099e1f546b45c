"""What is read of a checkpoint, and what is said of a file that cannot be read."""

import collections
import os
import pickle
import time
import zipfile

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.models.torch_checkpoint import ANCHORS, read_state_dict

ANCHOR = ANCHORS["mprnet"]


def said(path, anchor=ANCHOR):
    with pytest.raises(InputError) as raised:
        read_state_dict(path, anchor)
    text = str(raised.value)
    assert text.startswith("Expected ") and "\n" not in text
    return text.partition("Received: ")[2]


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 80000000\n"
)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (POINTER, "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title>", "a web page"),
        (b"\n  <html lang=en>", "a web page"),
        (b'<?xml version="1.0"?><Error>AccessDenied</Error>', "a web page"),
        (b'{"message": "Not Found"}', "a text file"),
        (b"damaged", "a text file"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"\x93NUMPY\x01\0", "a NumPy file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (bytes(range(200, 256)) * 20, "damaged"),
        (b"PK\x03\x04", "damaged"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named_without_torch(tmp_path, content, kind):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    start = time.process_time()
    assert kind in said(path)
    assert time.process_time() - start < 0.2


def test_what_is_no_file_is_named(tmp_path):
    assert "no regular file" in said(tmp_path)
    assert "No such file" in said(tmp_path / "missing.pth")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.pth")
        assert "no regular file" in said(tmp_path / "pipe.pth")


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["readme.txt"], "another zip"),
        (["x/data.pkl", "x/constants.pkl", "x/code/x.py"], "a TorchScript program"),
        (["x/data.pkl"], "compressed"),
    ],
)
def test_other_archives_are_named(tmp_path, names, kind):
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, b"text" * 100)
    assert kind in said(path)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def save(torch, tmp_path):
    def write(checkpoint, **options):
        torch.save(checkpoint, tmp_path / "model.pth", **options)
        return tmp_path / "model.pth"

    return write


@pytest.fixture
def weights(torch):
    rng = np.random.default_rng(0)
    shapes = {ANCHOR: (4, 3, 3, 3), "tail.weight": (3, 4, 3, 3), "body.bias": (4,)}
    return {
        name: torch.tensor(rng.normal(size=shape).astype(np.float32))
        for name, shape in shapes.items()
    }


def assert_read(found, weights):
    assert set(found.arrays) == set(weights)
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(array, weights[name].numpy())
        assert array.dtype == np.float32


PREFIXES = ("", "module.", "model.", "_orig_mod.", "net_g.", "module._orig_mod.model.")
KEYS = (
    (),
    ("state_dict",),
    ("model",),
    ("params",),
    ("params_ema",),
    ("net_g",),
    ("model_state_dict",),
    ("checkpoint", "networks", "generator"),
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("keys", KEYS, ids=".".join)
def test_weights_are_found_under_any_keys_and_prefix(weights, save, prefix, keys):
    checkpoint = {prefix + name: value for name, value in weights.items()}
    for key in reversed(keys):
        checkpoint = {"epoch": 3, key: checkpoint, "args": ["--lr", 2e-4]}
    found = read_state_dict(save(checkpoint), ANCHOR)
    assert_read(found, weights)
    assert found.where == "".join(f"{key}." for key in keys) + prefix
    assert found.left_out == []


def test_the_moving_average_goes_before_the_weights_of_the_last_step(
    weights, torch, save
):
    last = {name: torch.zeros_like(value) for name, value in weights.items()}
    for checkpoint in (
        {"params": last, "params_ema": weights},
        {"params_ema": weights, "params": last},
        {"state_dict": last, "extra": {"net_g_ema": weights}},
        {
            **{f"net.{k}": v for k, v in last.items()},
            **{f"ema.{k}": v for k, v in weights.items()},
        },
        {**last, **{f"ema.{k}": v for k, v in weights.items()}},
    ):
        assert_read(read_state_dict(save(checkpoint), ANCHOR), weights)
    both = {**weights, **{f"teacher.{k}": v for k, v in last.items()}}
    assert_read(read_state_dict(save(both), ANCHOR), weights)


def test_what_lies_beside_the_network_is_left_out(weights, torch, save):
    others = {
        "loss.vgg.0.weight": torch.ones(2, 2),
        "n_averaged": torch.tensor(7),
        "net.norm.num_batches_tracked": torch.tensor(7),
        "net.total_ops": torch.zeros(1, dtype=torch.float64),
        "net.mean": torch.full((1, 3, 1, 1), float("nan")),
    }
    state = collections.OrderedDict({f"net.{k}": v for k, v in weights.items()})
    state.update(others)
    found = read_state_dict(save({"state_dict": state, "step": 1}), ANCHOR)
    assert_read(found, weights)
    assert found.left_out == list(others)


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
def test_other_precisions_become_float32(weights, torch, save, kind):
    state = {k: v.to(getattr(torch, kind)) for k, v in weights.items()}
    found = read_state_dict(save(state), ANCHOR)
    assert_read(found, {k: v.float() for k, v in state.items()})


def test_formats_of_old_pytorch_and_safetensors_are_read(weights, save, tmp_path):
    old = save({"model": weights}, _use_new_zipfile_serialization=False)
    assert_read(read_state_dict(old, ANCHOR), weights)
    files = pytest.importorskip("safetensors.torch", reason="of the extra torch")
    state = {f"model.{name}": value for name, value in weights.items()}
    for name in ("model.safetensors", "model.bin"):
        files.save_file(state, tmp_path / name)
        assert_read(read_state_dict(tmp_path / name, ANCHOR), weights)
    content = (tmp_path / "model.bin").read_bytes()
    (tmp_path / "model.bin").write_bytes(content[:-40])
    assert "damaged" in said(tmp_path / "model.bin")


def test_python_objects_are_named_and_not_made(weights, save, tmp_path):
    def told(checkpoint):
        return said(save(checkpoint))

    text = told({"state_dict": weights, "best_psnr": np.float64(32.6)})
    assert "Python objects" in text and "numpy" in text
    assert "fractions.Fraction" in told({"x": __import__("fractions").Fraction(1)})

    class Code:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    for zipped in (True, False):
        path = save({"x": Code()}, _use_new_zipfile_serialization=zipped)
        assert "open" in said(path)
    path.write_bytes(pickle.dumps(Code()))
    assert said(path)
    assert not (tmp_path / "ran").exists()


def test_another_network_is_named(weights, torch, save):
    assert "of the network mprnet" in said(save(weights), ANCHORS["dmphn"])
    other = {"body.0.weight": torch.ones(3, 3), "body.0.bias": torch.ones(3)}
    text = said(save({"params": other}))
    assert "another network, with params.body.0.weight, params.body.0.bias" in text
    assert "without named tensors" in said(save({"epoch": 3}))
    assert "a list without named" in said(save([torch.ones(3)]))
    assert "without named tensors" in said(save(torch.ones(3)))
    # What holds itself is searched once.
    checkpoint = {str(i): {} for i in range(50)}
    for inner in checkpoint.values():
        inner.update(checkpoint)
    assert "without named tensors" in said(save(checkpoint))


def test_numbers_that_are_no_weights_are_refused(weights, torch, save):
    def told(tensor):
        return said(save({**weights, "body.weight": tensor}))

    for value in (float("nan"), float("inf")):
        tensor = torch.zeros(4, 4)
        tensor[2, 3] = value
        assert "NaN or infinity in body.weight" in told(tensor)
    assert "sparse" in told(torch.eye(4).to_sparse())
    assert "sparse" in told(torch.empty(4, device="meta"))
    assert "complex64" in told(torch.zeros(4, dtype=torch.complex64))
    # A terabyte that is stored as one number.
    assert "more numbers than it stores" in told(torch.ones(1).expand(500_000, 500_000))


def test_changed_bytes_never_become_other_weights(weights, save, tmp_path):
    path = save({"state_dict": weights})
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    copy = tmp_path / "changed.pth"
    outcomes = collections.Counter()
    for _ in range(150):
        changed = bytearray(content)
        position = int(rng.integers(len(changed)))
        changed[position] ^= 1 << int(rng.integers(8))
        cut = len(changed) if rng.random() < 0.7 else int(rng.integers(len(changed)))
        copy.write_bytes(changed[:cut])
        try:
            found = read_state_dict(copy, ANCHOR)
        except InputError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
        else:
            assert_read(found, weights)
            outcomes["read"] += 1
    assert outcomes["refused"] > 100, outcomes


def test_changed_bytes_of_the_old_format_and_safetensors(weights, save, tmp_path):
    old = save({"model": weights}, _use_new_zipfile_serialization=False).read_bytes()
    files = pytest.importorskip("safetensors.torch", reason="of the extra torch")
    rng = np.random.default_rng(1)
    copy = tmp_path / "changed.pth"
    for content in (old, files.save(weights)):
        for _ in range(100):
            changed = bytearray(content)
            # Mostly in the header, where the structure is.
            position = int(rng.integers(min(len(changed), 600)))
            changed[position] = int(rng.integers(256))
            copy.write_bytes(changed)
            try:
                read_state_dict(copy, ANCHOR)
            except InputError as error:
                assert "\n" not in str(error)
