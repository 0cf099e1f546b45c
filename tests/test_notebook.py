"""The notebook runs from its first cell to its last, and is stored without outputs."""

import json

import pytest

from helpers import ROOT, environment

NOTEBOOK = ROOT / "examples" / "tour.ipynb"


def test_notebook_is_stored_without_outputs():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


@pytest.mark.slow
@pytest.mark.process
def test_notebook_runs(monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": NOTEBOOK.parent}}
    )
    client.execute()

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    shown = [
        x for cell in code for x in cell.outputs if "image/png" in x.get("data", {})
    ]
    assert len(shown) == 3  # The photo, the gradient maps, the weights.
    text = "".join(x.text for cell in code for x in cell.outputs if "text" in x)
    blurry, restored = (float(line.split()[1]) for line in text.splitlines()[:2])
    assert restored > blurry + 0.3
