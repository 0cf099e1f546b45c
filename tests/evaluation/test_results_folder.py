import json
import math

import pytest

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row, read_summary
from egnet_tf.metrics import Score

IDENTITY = {"method": "m", "protocol": "plain"}
ROWS = [
    Row("street/001", Score(30.1 / 3, 0.9), Score(20.0, 0.5)),
    Row('odd, "name" ü', Score(math.inf, 1.0)),
    Row("c", Score(math.nan, math.nan, "did not, at all, converge")),
]


def same(one, other):
    # NaN is not equal to itself.
    return repr(one) == repr(other)


def test_rows_round_trip_exactly(tmp_path):
    folder = EvaluationFolder(tmp_path / "new" / "folder", IDENTITY)
    for row in ROWS:
        folder.append(row)
    again = EvaluationFolder(folder.path, IDENTITY)
    assert same(list(again.rows.values()), ROWS)


def test_truncated_last_row_is_dropped_and_can_be_scored_again(tmp_path):
    folder = EvaluationFolder(tmp_path, IDENTITY)
    for row in ROWS:
        folder.append(row)
    table = tmp_path / "scores.csv"
    table.write_bytes(table.read_bytes()[:-4])

    again = EvaluationFolder(tmp_path, IDENTITY)
    assert list(again.rows) == [row.name for row in ROWS[:-1]]
    again.append(ROWS[-1])
    assert same(list(EvaluationFolder(tmp_path, IDENTITY).rows.values()), ROWS)


def test_other_evaluation_is_refused_without_overwrite(tmp_path):
    folder = EvaluationFolder(tmp_path, IDENTITY)
    folder.append(ROWS[0])
    folder.write_summary({"restored": 1})
    folder.image("restored", "street/001").parent.mkdir(parents=True)
    folder.image("restored", "street/001").touch()
    other = {**IDENTITY, "protocol": "gopro"}

    with pytest.raises(InputError, match="differs in protocol"):
        EvaluationFolder(tmp_path, other)
    assert list(EvaluationFolder(tmp_path, IDENTITY).rows) == [ROWS[0].name]

    assert not EvaluationFolder(tmp_path, other, overwrite=True).rows
    with pytest.raises(InputError, match=r"summary\.json"):
        read_summary(tmp_path)
    # An image of the other model beside these scores would be a lie.
    assert not folder.image("restored", "street/001").exists()


def test_overwrite_resumes_the_same_evaluation(tmp_path):
    EvaluationFolder(tmp_path, IDENTITY).append(ROWS[0])
    assert EvaluationFolder(tmp_path, IDENTITY, overwrite=True).rows


def test_table_without_a_description_is_refused(tmp_path):
    (tmp_path / "scores.csv").write_text("somebody's own table\n")
    with pytest.raises(InputError, match="differs in method, protocol"):
        EvaluationFolder(tmp_path, IDENTITY)
    assert (tmp_path / "scores.csv").read_text() == "somebody's own table\n"


def test_overwrite_keeps_images_it_did_not_write(tmp_path):
    (tmp_path / "scores.csv").write_text("somebody's own table\n")
    own = tmp_path / "images" / "holiday.jpg"
    own.parent.mkdir()
    own.touch()
    EvaluationFolder(tmp_path, IDENTITY, overwrite=True)
    assert own.exists()


@pytest.mark.parametrize("damage", ["a,b\n", "d,1,2\n", "d,,,,thirty,0.9,\n"])
def test_damaged_table_is_refused(tmp_path, damage):
    EvaluationFolder(tmp_path, IDENTITY).append(ROWS[0])
    with open(tmp_path / "scores.csv", "a") as table:
        table.write(damage)
    with pytest.raises(InputError, match=r"Received: .*scores\.csv"):
        EvaluationFolder(tmp_path, IDENTITY)


def test_row_order_does_not_depend_on_the_order_of_completion(tmp_path):
    folder = EvaluationFolder(tmp_path, IDENTITY)
    for row in reversed(ROWS):
        folder.append(row)
    assert same(folder.sort([row.name for row in ROWS]), ROWS)
    assert list(EvaluationFolder(tmp_path, IDENTITY).rows) == [r.name for r in ROWS]


def test_summary_round_trips_and_leaves_no_other_file(tmp_path):
    folder = EvaluationFolder(tmp_path, IDENTITY)
    mean = {"psnr": 30.5, "ssim": None, "compared": 1, "identical": [], "failed": {}}
    names = ("dataset", "protocol", "description")
    summary = {
        **dict.fromkeys(names, "x"),
        "method": "ü",
        "images": 1,
        "unscored": {},
        "blurry": None,
        "restored": mean,
    }
    folder.write_summary(summary)
    assert read_summary(tmp_path) == summary
    assert json.loads((tmp_path / "evaluation.json").read_text()) == IDENTITY
    assert {file.name for file in tmp_path.iterdir()} == {
        "evaluation.json",
        "scores.csv",
        "summary.json",
    }


@pytest.mark.parametrize("name", ["../../x", "/x", "a/../../../x"])
def test_image_of_a_name_that_leads_outside_is_refused(tmp_path, name):
    folder = EvaluationFolder(tmp_path / "evaluation", IDENTITY)
    with pytest.raises(InputError, match="Received: "):
        folder.image("restored", name)
