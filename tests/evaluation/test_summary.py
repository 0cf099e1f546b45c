import json
import math

import pytest

from egnet_tf.evaluation.results_folder import Row
from egnet_tf.evaluation.summary import markdown_table, mean_score, summarize
from egnet_tf.metrics import PROTOCOLS, Score

FAILED = Score(math.nan, math.nan, "the alignment did not converge")
SAME = Score(math.inf, 1.0)


def test_mean_is_over_the_images():
    mean = mean_score([("a", Score(30.0, 0.9)), ("b", Score(33.0, 0.8))])
    assert (mean.psnr, mean.ssim) == (31.5, pytest.approx(0.85))
    assert (mean.compared, mean.identical, mean.failed) == (2, (), {})


def test_identical_images_are_named_and_excluded_from_the_mean_psnr():
    mean = mean_score([("a", Score(30.0, 0.9)), ("b", SAME)])
    assert (mean.psnr, mean.ssim) == (30.0, 0.95)
    assert (mean.compared, mean.identical) == (2, ("b",))


def test_mean_psnr_of_only_identical_images_is_infinite():
    assert mean_score([("a", SAME), ("b", SAME)]).psnr == math.inf


def test_failures_are_named_and_excluded_from_the_means():
    mean = mean_score([("a", Score(30.0, 0.9)), ("b", FAILED)])
    assert (mean.psnr, mean.ssim, mean.compared) == (30.0, 0.9, 1)
    assert mean.failed == {"b": "the alignment did not converge"}


def test_mean_of_no_images_is_nan():
    mean = mean_score([("a", FAILED)])
    assert math.isnan(mean.psnr)
    assert math.isnan(mean.ssim)


def summary(method, restored, **about):
    rows = [Row("a", restored, Score(25.0, 0.7)), Row("b", FAILED, FAILED)]
    about = {"method": method, "dataset": "samples test", **about}
    return summarize(rows, PROTOCOLS["realblur"], about)


def test_summary_is_strict_json_and_records_the_protocol():
    found = json.loads(json.dumps(summary("m", SAME, seed=3), allow_nan=False))
    assert found["restored"]["psnr"] == "inf"
    assert found["blurry"]["psnr"] == 25.0
    assert found["images"] == 2
    assert found["restored"]["failed"] == {"b": FAILED.failure}
    assert found["protocol"] == "realblur"
    assert set(found["versions"]) == {"cv2", "skimage", "numpy"}
    assert found["seed"] == 3


def test_mean_of_no_images_is_null_in_json():
    rows = [Row("b", FAILED)]
    about = {"method": "m", "dataset": "d"}
    found = summarize(rows, PROTOCOLS["realblur"], about)
    assert found["restored"]["psnr"] is None
    assert found["blurry"] is None
    assert "| m | d | realblur | 0 of 1 | – | – |" in markdown_table([found])  # noqa: RUF001


def test_table_has_one_row_per_method_below_the_blurry_images():
    table = markdown_table(
        [summary("one", Score(30.125, 0.91234)), summary("two", SAME)]
    ).splitlines()
    assert table[2:5] == [
        "| blurry | samples test | realblur | 1 of 2 | 25.00 | 0.7000 |",
        "| one | samples test | realblur | 1 of 2 | 30.12 | 0.9123 |",
        "| two | samples test | realblur | 1 of 2 | inf | 1.0000 |",
    ]
    assert table[-1] == PROTOCOLS["realblur"].description
