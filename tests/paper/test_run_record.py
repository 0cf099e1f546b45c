import csv
import io
import json
import os

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.images.write import write_image
from egnet_tf.paper.run_record import read_run
from egnet_tf.paper.tables import results_of
from mutations import mutated, mutated_json

MEAN = {"psnr": 30.5, "ssim": 0.9, "compared": 2, "identical": ["a"], "failed": {}}
SUMMARY = {
    "method": "egnet",
    "dataset": "gopro test",
    "names": "1f",
    "seed": 3,
    "protocol": "gopro",
    "description": "RGB",
    "versions": {"numpy": "2"},
    "images": 2,
    "unscored": {"b": "no image"},
    "blurry": {**MEAN, "psnr": "inf", "ssim": None},
    "restored": MEAN,
}


def table(*rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def run(tmp_path):
    """A run with one evaluation of an image."""
    folder = tmp_path / "run"
    evaluation = folder / "evaluation" / "gopro"
    evaluation.mkdir(parents=True)
    (folder / "recipe.flags").write_text("--variant=egnet\n")
    (folder / "metrics.csv").write_text(
        table(
            {"phase": "backbone", "step": 10, "psnr": 20.5, "ssim": 0.5},
            {"phase": "egn", "step": 5, "psnr": 21.5, "ssim": 0.6},
        )
    )
    scores = {"name": "a", "blurry_psnr": 20.0, "restored_psnr": 30.0}
    (evaluation / "scores.csv").write_text(table({**scores, "restored_ssim": 0.9}))
    (evaluation / "summary.json").write_text(json.dumps(SUMMARY))
    for kind in ("blurry", "restored", "sharp"):
        image = np.zeros((4, 5, 3), np.uint8)
        write_image(evaluation / "images" / kind / "a.png", image)
    return folder


def outcome(run):
    """ "works", or what was said of a run's folder."""
    try:
        record = read_run(run)
        for evaluation in record.evaluations:
            results_of(evaluation.summary)
            for image in evaluation.images:
                assert run in image.restored.parents
    except InputError as error:
        assert "\n" not in str(error) and "Received: " in str(error)
        return str(error)
    return "works"


@pytest.mark.parametrize(
    "name",
    [
        "recipe.flags",
        "metrics.csv",
        "evaluation/gopro/scores.csv",
        "evaluation/gopro/summary.json",
    ],
)
def test_variants_of_a_runs_records_are_refused_or_work(run, name):
    assert outcome(run) == "works"
    path = run / name
    content = path.read_bytes()
    refused = 0
    for seed in range(300):
        path.write_bytes(mutated(content, seed))
        refused += outcome(run) != "works"
        if path.suffix == ".json":
            path.write_text(json.dumps(mutated_json(SUMMARY, seed)))
            refused += outcome(run) != "works"
    # The recipe is shown as it is.
    assert refused > 50 or name == "recipe.flags"


def test_names_of_scored_images_stay_below_the_run(run):
    path = next(run.rglob("scores.csv"))
    text = path.read_text()
    for hostile in ("../../x", "/x", f"x{os.sep}..{os.sep}..{os.sep}y"):
        path.write_text(text.replace("a,", hostile + ",", 1))
        assert "below" in outcome(run)
