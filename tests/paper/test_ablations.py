"""An ablation as a person runs it, at the smallest width."""

import csv

import pytest

from egnet_tf.paper.run_record import read_run
from helpers import ROOT, call, command

ABLATIONS = "egnet_tf.paper.ablations"


@pytest.mark.slow
@pytest.mark.process
def test_ablation_rows_are_trained_scored_and_set_beside_the_published(tmp_path):
    good = ROOT / "configs" / "ablations" / "table4_without_egn.flags"
    bad = tmp_path / "my_row.flags"
    bad.write_text(f"--flagfile={good}\n--init_weights=nowhere\n")
    words = [bad, good, "--output=runs/tiny", "--variant=egnet_testing"]
    words += ["--dataset=samples", "--crop=16", "--backbone_steps=1", "--egn_steps=1"]
    words += ["--validation_pairs=1", "--protocol=plain"]
    done = command(ABLATIONS, *words, cwd=tmp_path)
    # The first row cannot be trained; the second is nevertheless.
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: failed: my_row" in done.stderr
    with open(tmp_path / "runs" / "tiny" / "table.csv", newline="") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["my_row", "table4_without_egn"]
    assert rows["my_row"]["samples PSNR"] == ""
    assert rows["table4_without_egn"]["GoPro PSNR, published"] == "32.5200"
    scores = tmp_path / "runs/tiny/table4_without_egn/evaluation/samples_plain"
    with open(scores / "scores.csv", newline="") as file:
        measured = [float(row["restored_psnr"]) for row in csv.DictReader(file)]
    mean = sum(measured) / len(measured)
    assert rows["table4_without_egn"]["samples PSNR"] == f"{mean:.4f}"
    # The row has no EGN phase, and a flag does not give it one.
    text = (tmp_path / "runs" / "tiny" / "table.md").read_text()
    assert "table4_without_egn: backbone 1 steps" in text
    assert (
        read_run(scores.parents[1]).curves["loss"][0].points
    )  # Found where training logs it.
    assert "+ egn" not in text and "published: printed in the paper" in text

    again = command(ABLATIONS, *words[1:], cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "trained already" in again.stdout
    assert "step/s" not in again.stderr  # Nothing was trained.


def test_wrong_calls_are_refused_in_one_line_before_training(tmp_path):
    wrong = tmp_path / "wrong.flags"
    wrong.write_text("--nmae=x\n")
    done = call(ABLATIONS, wrong, f"--output={tmp_path / 'out'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected a flag file of training")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
