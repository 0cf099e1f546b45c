"""An ablation as a person runs it, at the smallest width."""

import csv

import pytest

from egnet_tf.inference.resolve import resolve
from egnet_tf.paper.run_record import read_run
from helpers import ROOT, call, command

ABLATIONS = "egnet_tf.paper.ablations"


@pytest.mark.slow
@pytest.mark.process
def test_ablation_rows_are_trained_scored_and_set_beside_the_published(tmp_path):
    good = ROOT / "configs" / "ablations" / "table4_without_egn.flags"
    egn = ROOT / "configs" / "ablations" / "table4_with_egn.flags"
    bad = tmp_path / "my_row.flags"
    bad.write_text(f"--flagfile={good}\n--optimizer=radam\n")  # From tensorflow-addons.
    words = [bad, good, egn, "--output=runs/tiny", "--variant=egnet_testing"]
    # Without attention, which takes long on whole images.
    words += [
        "--noegn_attention",
        "--dataset=samples",
        "--crop=16",
        "--backbone_steps=1",
        "--egn_steps=1",
    ]
    words += ["--warmup_steps=0", "--validation_pairs=1", "--protocol=plain"]
    done = command(ABLATIONS, *words, cwd=tmp_path)
    # The first row cannot be trained; the others are nevertheless.
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "my_row" in done.stderr.splitlines()[-1]
    tiny = tmp_path / "runs" / "tiny"
    (mine,) = rows_of(tiny / "table.csv").values()
    assert mine["row"] == "my_row" and "samples PSNR" not in mine
    rows = rows_of(tiny / "table4.csv")
    assert rows["table4_without_egn"]["GoPro PSNR, published"] == "32.5200"
    scores = tiny / "table4_without_egn/evaluation/samples_plain"
    with open(scores / "scores.csv", newline="") as file:
        measured = [float(row["restored_psnr"]) for row in csv.DictReader(file)]
    mean = sum(measured) / len(measured)
    assert rows["table4_without_egn"]["samples PSNR"] == f"{mean:.4f}"
    # The row has no EGN phase, and a flag does not give it one.
    text = (tiny / "table4.md").read_text()
    assert "table4_without_egn: backbone 1 steps, 1 seed(s)" in text
    assert "published: printed in the paper" in text
    assert read_run(scores.parents[1]).curves["loss"][0].points

    # Phase 1 was trained once, and phase 2 began with its weights.
    finished = [file.parent for file in (tiny / "phases").glob("*/compare.png")]
    phases = {path.name.split("_")[0]: path for path in finished}
    assert len(finished) == 2
    assert sorted(phases) == ["backbone", "egn"]
    (_, end), (start, _) = (metrics_of(phases[name]) for name in ("backbone", "egn"))
    assert start["psnr"] == end["psnr"]
    # What a row leaves behind is a model.
    assert resolve(tiny / "table4_with_egn").kind == "run"
    assert not (tiny / "table4_with_egn" / "checkpoints").exists()

    again = command(ABLATIONS, *words[1:], cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "trained already" in again.stdout
    assert "step/s" not in again.stderr  # Nothing was trained.


def metrics_of(run):
    with open(run / "metrics.csv", newline="") as lines:
        return list(csv.DictReader(lines))


def rows_of(file):
    with open(file, newline="") as lines:
        return {row["row"]: row for row in csv.DictReader(lines)}


def test_wrong_calls_are_refused_in_one_line_before_training(tmp_path):
    wrong = tmp_path / "wrong.flags"
    wrong.write_text("--nmae=x\n")
    done = call(ABLATIONS, wrong, f"--output={tmp_path / 'out'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected a flag file of training")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name, flag, said",
    [
        ("phases", "--seed=1", "Received: phases"),
        ("mine", "--seeds=1,2,1", "Expected different --seeds. Received: 1,2,1"),
        ("mine", "--backbone_loss=l1", "Expected one of"),
    ],
)
def test_impossible_combinations_are_refused(tmp_path, name, flag, said):
    file = tmp_path / f"{name}.flags"
    file.write_text("--backbone_steps=1\n")
    done = call(ABLATIONS, file, f"--output={tmp_path / 'out'}", flag)
    assert done.returncode == 1
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
