import math

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row
from egnet_tf.evaluation.summary import summarize
from egnet_tf.metrics import PROTOCOLS, Score
from egnet_tf.paper.published import ABLATIONS, TABLE_1, TABLE_2, TABLE_5, Published
from egnet_tf.paper.tables import (
    Result,
    Scored,
    ablation_table,
    comparison_table,
    hsic_table,
    read_result,
    results_of_run,
    write_table,
)


def evaluation(folder, dataset="gopro test", method="ours", scores=None):
    """A finished evaluation of two images, as the command leaves it."""
    scores = scores or [Score(30.0, 0.9), Score(34.0, 0.8)]
    rows = [Row(f"{i}", score) for i, score in enumerate(scores)]
    about = {"method": method, "dataset": dataset}
    written = EvaluationFolder(folder, about)
    written.write_summary(summarize(rows, PROTOCOLS["gopro"], about))


def result(test_set, psnr=30.0, method="ours", protocol="gopro", images="2"):
    return Result(method, f"{test_set} test", protocol, psnr, 0.9, images, "")


def test_results_of_an_evaluation_are_read(tmp_path):
    evaluation(tmp_path / "a", "gopro:/data/GoPro test, gopro_blur=gamma")
    found = read_result(tmp_path / "a")
    assert (found.method, found.psnr, found.images) == ("ours", 32.0, "2")
    assert found.ssim == pytest.approx(0.85)
    assert found.test_set == "gopro, gopro_blur=gamma"
    assert found.description == PROTOCOLS["gopro"].description


def test_all_evaluations_of_a_run_are_found(tmp_path):
    evaluation(tmp_path / "evaluation" / "a", "samples test")
    evaluation(tmp_path / "evaluation" / "b", "gopro train")
    assert [found.test_set for found in results_of_run(tmp_path)] == [
        "samples",
        "gopro train",
    ]
    with pytest.raises(InputError, match="Received: "):
        results_of_run(tmp_path / "none")


def test_partial_and_missing_results_are_distinguished(tmp_path):
    failed = Score(math.nan, math.nan, "the alignment did not converge")
    evaluation(tmp_path / "part", scores=[Score(30.0, 0.9), failed])
    evaluation(tmp_path / "none", scores=[failed, failed], method="other")
    results = [read_result(tmp_path / name) for name in ("part", "none")]
    rows = comparison_table(results, {})
    assert [list(row.values()) for row in rows] == [
        ["ours", "gopro", "30.00 (1 of 2)", "0.900"],
        ["other", "gopro", None, None],
    ]


def test_published_rows_are_labelled_and_measured_rows_name_their_protocol():
    ours = [
        result("realblur_j", 27.0),
        result("gopro", 31.0),
        result("realblur_j", 29.0, protocol="realblur"),
    ]
    table = comparison_table(ours, TABLE_1)
    assert list(table[0])[:4] == ["method", "protocol", "GoPro PSNR", "GoPro SSIM"]
    assert list(table[0])[4] == "RealBlur-J PSNR"
    rows = {(row["method"], row["protocol"]): list(row.values())[2:] for row in table}
    assert rows["MPRNet", "published"][:3] == ["32.66", "0.959", "26.51"]
    assert rows["ours", "gopro"][:3] == ["31.00", "0.900", "27.00"]
    assert rows["ours", "realblur"][0] is None
    assert rows["ours", "realblur"][2] == "29.00"
    assert sum(row["protocol"] == "published" for row in table) == len(TABLE_1)


def test_blurry_images_come_before_the_methods(tmp_path):
    about = {"method": "ours", "dataset": "samples test"}
    rows = [Row("a", Score(30.0, 0.9), Score(25.0, 0.7))]
    written = EvaluationFolder(tmp_path / "a", about)
    written.write_summary(summarize(rows, PROTOCOLS["gopro"], about))
    table = comparison_table(results_of_run(tmp_path), {})
    assert [row["method"] for row in table] == ["blurry", "ours"]
    assert table[0]["samples PSNR"] == "25.00"


def test_results_share_a_column_only_for_the_same_images():
    ours = result("samples")._replace(data="names x of seed 1")
    with pytest.raises(InputError, match=r"same images of samples.*seed 2"):
        comparison_table([ours, ours._replace(data="names x of seed 2")], {})
    assert len(comparison_table([ours, result("gopro")], {})) == 1


def test_ablation_table_has_published_columns_beside_the_measured():
    rows = {
        "table4_with_egn": [Scored(1, [result("samples", 25.12345)])],
        "table4_without_egn": [],  # Its training failed.
        "my_own": [Scored(1, [result("samples", 25.0)])],
    }
    table = ablation_table(rows, ABLATIONS)
    assert list(table[0]) == [
        "row",
        "samples PSNR",
        "samples SSIM",
        "GoPro PSNR, published",
        "GoPro SSIM, published",
    ]
    assert [list(row.values()) for row in table] == [
        ["table4_with_egn", "25.1234", "0.9000", "32.9200", "0.9610"],
        ["table4_without_egn", None, None, "32.5200", "0.9580"],
        ["my_own", "25.0000", "0.9000", None, None],
    ]


def test_seeds_give_means_deviations_and_gains_of_the_same_seed():
    def scored(*values):
        return [Scored(i, [result("gopro", x)], hsic=x / 10) for i, x in values]

    rows = {
        "table6_with_gradient_loss_max": scored((1, 25.0), (2, 26.0), (3, 29.0)),
        "table6_without_gradient_loss": scored((1, 24.0), (2, 25.5)),
    }
    first, second = ablation_table(rows, ABLATIONS)
    mean, deviation = np.mean([25, 26, 29]), np.std([25, 26, 29], ddof=1)
    assert first["GoPro PSNR"] == f"{mean:.4f} ± {deviation:.4f}"
    # Seed 3 has no partner: gains are 1.0 and 0.5.
    assert first["GoPro gain"] == f"+0.750 ± {np.std([1, 0.5], ddof=1):.3f}"
    assert second["GoPro gain"] is None
    assert first["RealBlur-R PSNR, published"] == "34.2960"
    assert second["RealBlur-R PSNR, published"] == "33.7142"

    hsic = hsic_table({"table4_with_egn": scored((1, 25.0)), "mine": []}, TABLE_5)
    assert [list(row.values()) for row in hsic] == [
        ["table4_with_egn", 1, "2.5000", "1.8134"],
        ["mine", 1, None, None],
    ]


def test_tables_2_and_5_are_as_printed():
    # Copied from the paper once more, in its own order.
    printed = [(0.135, 29.01), (0.217, 20.13), (0.028, 16.11), (0.115, 28.27)]
    assert list(TABLE_2.values()) == [*printed, (0.790, 26.34), (0.231, 26.60)]
    assert list(TABLE_5.values()) == [1.6838, 1.8134]


def test_table_notes_stand_below_the_table(tmp_path):
    table = comparison_table([result("gopro", 31.0)], {"a": {"x": Published(1, 0.5)}})
    write_table(tmp_path / "new" / "table", table, ["a note"])
    assert (tmp_path / "new" / "table.md").read_text().endswith("|\n\na note\n")
    assert (tmp_path / "new" / "table.csv").read_text().count("\n") == 3
