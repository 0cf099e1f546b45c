"""Both commands on a folder that looks like a run."""

import sys

import pytest

from egnet_tf.evaluation.results_folder import EvaluationFolder, Row
from egnet_tf.evaluation.summary import summarize
from egnet_tf.metrics import PROTOCOLS, Score
from helpers import call


@pytest.fixture
def folder(tmp_path):
    about = {"method": "runs/mine", "dataset": "gopro test"}
    written = EvaluationFolder(tmp_path / "runs/mine/evaluation/gopro_gopro", about)
    written.append(row := Row("a", Score(31.5, 0.95)))
    written.write_summary(summarize([row], PROTOCOLS["gopro"], about))
    return tmp_path / "runs/mine"


def test_table_1_has_the_measured_row_below_the_published_rows(folder):
    output = folder.parent / "tables/table1"
    done = call("egnet_tf.paper.table1", folder, f"--output={output}")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "| MPRNet | published | <u>32.66</u> | <u>0.959</u> | 26.51 |" in done.stdout
    assert any(
        line.startswith("| runs/mine | gopro | 31.50 | 0.950 |") for line in lines
    )
    assert PROTOCOLS["gopro"].description in lines
    assert output.with_suffix(".csv").exists() and output.with_suffix(".md").exists()
    bare = call("egnet_tf.paper.table1", f"--runs={folder}", "--nopublished").stdout
    assert "published" not in bare and "31.50" in bare


def test_report_is_one_file(folder):
    output = folder.parent / "new" / "page.html"
    done = call("egnet_tf.paper.report", folder, f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert list(output.parent.iterdir()) == [output]
    page = output.read_text()
    assert "31.50" in page and page.rstrip().endswith("</html>")


@pytest.mark.parametrize("module", ["table1", "report"])
def test_wrong_calls_are_refused_in_one_line(module):
    done = call(f"egnet_tf.paper.{module}", "runs/none")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected ") and done.stderr.count("\n") == 1


def test_report_without_matplotlib_names_the_extra(folder, monkeypatch):
    for name in list(sys.modules):
        if name.startswith(("egnet_tf.visualization.figures", "egnet_tf.paper.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    done = call("egnet_tf.paper.report", folder)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Expected the extra paper: pip install " in done.stderr
