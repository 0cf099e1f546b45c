"""Both commands as a person runs them, on a folder that looks like a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egnet_tf.evaluation import EvaluationFolder, Row, summarize
from egnet_tf.metrics import PROTOCOLS, Score

ROOT = Path(__file__).parents[2]


def run(command, *words, cwd):
    return subprocess.run(
        [sys.executable, "-m", f"egnet_tf.paper.{command}", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def folder(tmp_path):
    about = {"method": "runs/mine", "dataset": "gopro test"}
    written = EvaluationFolder(tmp_path / "runs/mine/evaluation/gopro_gopro", about)
    written.append(row := Row("a", Score(31.5, 0.95)))
    written.write_summary(summarize([row], PROTOCOLS["gopro"], about))
    return tmp_path


def test_table_1_has_our_row_below_the_published(folder):
    done = run("table1", "runs/mine", "--output=tables/table1", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "| MPRNet | published | 32.66 | 0.959 | 26.51 |" in done.stdout
    assert any(
        line.startswith("| runs/mine | gopro | 31.50 | 0.950 |") for line in lines
    )
    assert PROTOCOLS["gopro"].description in lines
    assert (folder / "tables/table1.csv").exists()
    bare = run("table1", "--runs=runs/mine", "--nopublished", cwd=folder).stdout
    assert "published" not in bare and "31.50" in bare


def test_a_report_is_one_file(folder):
    done = run("report", "runs/mine", "--output=new/page.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (folder / "new").iterdir()] == ["page.html"]
    page = (folder / "new/page.html").read_text()
    assert "31.50" in page and page.rstrip().endswith("</html>")


@pytest.mark.parametrize("command", ["table1", "report"])
def test_a_mistake_is_one_line(command, tmp_path):
    done = run(command, "runs/none", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected ") and done.stderr.count("\n") == 1
