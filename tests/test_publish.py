"""Publishing on a hub and loading from it, over HTTP and from the cache."""

import hashlib
import json
import re
import sys
import types

import numpy as np
import pytest

import egnet_tf
from egnet_tf import hub, models
from egnet_tf.errors import InputError
from egnet_tf.inference import resolve as resolution
from egnet_tf.training import RunFolder
from helpers import ROOT, call, command, random_image
from hub_server import hub as running_hub

pytest.importorskip("huggingface_hub")

SHIPPED = ROOT / "egnet_tf" / "weights" / "egnet_mobile"
TFLITE = SHIPPED / "egnet_mobile_float16.tflite"


@pytest.fixture(scope="module")
def server():
    with running_hub() as server:
        yield server


@pytest.fixture
def reach(server, tmp_path):
    """Environment of a process that knows the server alone, with an empty cache."""
    cache = str(tmp_path / "cache")
    return {"HF_ENDPOINT": server.endpoint, "HF_HUB_CACHE": cache, "HF_TOKEN": "token"}


@pytest.fixture
def run(tmp_path, testing_model):
    folder = RunFolder(tmp_path / "run")
    models.save(folder.weights, testing_model)
    folder.recipe.write_text("--dataset=camera_shake:photos\n--validation=gopro\n")
    for step, psnr in ((100, 25.0), (200, 26.25)):
        folder.add_metrics(
            **{"phase": "joint", "step": step, "psnr": psnr, "ssim": 0.8},
            **{"blurry_psnr": 24.5, "blurry_ssim": 0.75},
        )
    return folder.path


def published(run, folder, *words):
    done = call(
        "egnet_tf.publish",
        f"--model={run}",
        "--repo=me/it",
        f"--output={folder}",
        *words,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_folder_holds_the_run_a_card_an_app_and_checksums(run, tmp_path):
    done = published(run, tmp_path / "out", f"--tflite={TFLITE}", "--license=cc0-1.0")
    assert done.stderr == ""
    out = tmp_path / "out"
    names = {str(x.relative_to(out)) for x in out.rglob("*") if x.is_file()}
    assert names == {
        *("README.md", "SHA256SUMS", "app.py", "recipe.flags", TFLITE.name),
        *(f"{TFLITE.name}.json", "weights/model.json", "weights/network.weights.h5"),
        "weights/ensemble.weights.h5",
    }
    for line in (out / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        names.remove(name)
        assert digest == hashlib.sha256((out / name).read_bytes()).hexdigest()
    assert names == {"SHA256SUMS"}
    assert resolution.resolve(out).kind == "run"


def test_yaml_of_the_card_is_what_the_hub_reads(run, tmp_path):
    from huggingface_hub import ModelCard

    published(run, tmp_path / "out", "--license=cc0-1.0")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "cc0-1.0"
    assert card.data.pipeline_tag == "image-to-image"
    (psnr, ssim) = card.data.eval_results
    assert (psnr.metric_type, psnr.metric_value) == ("psnr", 26.25)
    assert (ssim.metric_type, ssim.metric_value) == ("ssim", 0.8)
    assert psnr.dataset_name == "gopro"
    assert "| joint | 200 | 24.50 / 0.7500 | 26.25 / 0.8000 |" in card.text
    assert "not a test set" in card.text


def test_best_weights_are_published_with_their_own_validation(run, tmp_path):
    folder = RunFolder(run)
    models_of = folder.best / "weights"
    models_of.parent.mkdir()
    (run / "weights").rename(models_of)
    folder.note_best("joint", 100, 25.0)
    published(folder.best, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| joint | 100 |" in text and "200" not in text.partition("Measured")[2]


def test_card_of_shipped_weights_links_to_nothing_that_is_left_out(tmp_path):
    out = tmp_path / "out"
    published("egnet_mobile", out, "--license=apache-2.0")
    text = (out / "README.md").read_text()
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links and all(
        x.startswith(("http", "#")) or (out / x).exists() for x in links
    )
    assert (out / "weights" / "network.weights.h5").read_bytes() == (
        SHIPPED / "network.weights.h5"
    ).read_bytes()


def test_app_restores_and_blends(run, tmp_path, monkeypatch):
    published(run, tmp_path / "out")
    made = {}

    def interface(function, inputs, outputs, **_):
        made["restore"] = function
        return types.SimpleNamespace(launch=lambda: made.update(launched=True))

    anything = lambda *_, **__: None  # noqa: E731
    fake = {"Interface": interface, "Image": anything, "Slider": anything}
    monkeypatch.setitem(sys.modules, "gradio", types.SimpleNamespace(**fake))
    restorer = egnet_tf.load(tmp_path / "out")
    monkeypatch.setattr(egnet_tf, "load", {"hf://me/it": restorer}.get, raising=False)
    exec(compile((tmp_path / "out" / "app.py").read_text(), "app.py", "exec"), {})
    photo = random_image((16, 16, 3))
    assert made["launched"] and made["restore"](None, 1.0) is None
    np.testing.assert_array_equal(made["restore"](photo, 0.0), photo)
    np.testing.assert_array_equal(made["restore"](photo, 1.0), restorer(photo))


@pytest.mark.process
def test_what_is_published_is_loaded_by_its_address_and_offline(
    run, server, reach, tmp_path
):
    words = ["--repo=me/model", "--license=cc0-1.0", f"--tflite={TFLITE}"]
    done = command("egnet_tf.publish", f"--model={run}", *words, **reach)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("use it as --model=hf://me/model\n")
    uploaded = server.repositories["me/model"]
    assert (
        uploaded["weights/network.weights.h5"]
        == (run / "weights" / "network.weights.h5").read_bytes()
    )

    photo = tmp_path / "photo.png"
    from egnet_tf.images.write import write_image

    write_image(photo, random_image((40, 30, 3)))
    file = f"--model=hf://me/model/{TFLITE.name}"
    for name, words, environment in (
        ("online", [file], {}),
        ("offline", [file], {"HF_HUB_OFFLINE": "1"}),
        ("local", [f"--model={TFLITE}"], {}),
    ):
        out = f"--output={tmp_path / name}.png"
        done = command(
            "egnet_tf.deblur", str(photo), *words, out, **{**reach, **environment}
        )
        assert done.returncode == 0, done.stderr
    results = [(tmp_path / f"{x}.png").read_bytes() for x in ("online", "offline")]
    assert results == [(tmp_path / "local.png").read_bytes()] * 2
    fetched = {x.rpartition("/")[2] for x in server.requests if "/resolve/" in x}
    assert fetched <= {"SHA256SUMS", TFLITE.name, f"{TFLITE.name}.json"}


@pytest.mark.process
def test_wrong_addresses_are_refused_in_one_line(server, reach):
    server.repositories["me/damaged"] = {
        "weights/model.json": b"{}",
        "SHA256SUMS": f"{'0' * 64}  weights/model.json\n".encode(),
        "weights/network.weights.h5": b"",
    }
    server.repositories["me/empty"] = {"README.md": b"nothing"}
    for address, words in (
        ("hf://me/none", "a repository that exists"),
        ("hf://me/empty@v9", "a revision that exists"),
        ("hf://me/empty", "a folder weights/ in the repository"),
        ("hf://me/empty/x.tflite", "x.tflite in the repository"),
        ("hf://me/damaged", "the checksum of SHA256SUMS"),
        ("hf://me", "hf://user/name"),
        ("hf://me/it/app.py", "hf://user/name"),
    ):
        done = command("egnet_tf.evaluate", f"--model={address}", **reach)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1 and words in done.stderr, done.stderr
        assert f"Received: {address}" in done.stderr or "another, of" in done.stderr
    nowhere = {**reach, "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = command("egnet_tf.evaluate", "--model=hf://me/it", **nowhere)
    assert done.returncode == 1 and "a connection to the hub" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.process
def test_upload_without_a_token_is_refused_in_one_line(run, server, reach):
    words = [f"--model={run}", "--repo=me/secret", "--license=cc0-1.0"]
    done = command(
        "egnet_tf.publish", *words, f"--tflite={TFLITE}", **{**reach, "HF_TOKEN": "no"}
    )
    assert done.returncode == 1 and "hf auth login" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "me/secret" not in server.repositories


def test_without_tensorflow_the_float16_file_of_a_run_is_used(run, monkeypatch):
    source = resolution.resolve(run)
    (run / TFLITE.name).write_bytes(TFLITE.read_bytes())
    assert resolution.installed_form(source) == source
    find = resolution.importlib.util.find_spec
    monkeypatch.setattr(
        resolution.importlib.util,
        "find_spec",
        lambda name: None if name == "tensorflow" else find(name),
    )
    assert resolution.installed_form(source).path == run / TFLITE.name


@pytest.mark.parametrize("repo", ["", "me", "me/it/x", "me/it@main", "../it", "a b/c"])
def test_names_of_repositories_are_checked(repo):
    if repo == "../it":
        return hub.check_repo(repo)  # The hub itself refuses such a user.
    with pytest.raises(InputError, match="user/name"):
        hub.check_repo(repo)


def test_json_of_the_yaml_is_quoted(tmp_path):
    from egnet_tf.publishing.model_card import Facts, Validation, model_card

    row = Validation("joint", 1, float("nan"), float("inf"), 20.0, 0.5)
    facts = Facts("me/it", models.variant("egnet_testing"), "x: y # z", {})
    text = model_card(
        facts._replace(validations=[row], validated_on="folder", recipe="--x=1")
    )
    yaml = text.split("---\n")[1]
    assert json.loads(yaml.partition("license: ")[2].splitlines()[0]) == "x: y # z"
    assert "model-index" not in yaml
