"""The notebook runs from its first cell to its last, and shows what it says."""

import os
from pathlib import Path

import pytest

pytest.importorskip("ipykernel", reason="the notebook needs ipykernel and nbclient")
nbclient = pytest.importorskip("nbclient", reason="the notebook needs ipykernel and nbclient")
nbformat = pytest.importorskip("nbformat")

NOTEBOOK = Path(__file__).parents[2] / "examples" / "federation.ipynb"
CHECKOUT = str(NOTEBOOK.parents[1])


@pytest.mark.slow
def test_the_notebook_runs_and_its_plan_is_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", CHECKOUT + os.pathsep + os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    said = [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    assert "SecFPP: " in said[1]
    assert "each client: own cluster's sum and size" in said[2]
    *_, last = said
    lines = [line.split() for line in last.splitlines()]
    assert len(lines) == 4
    planned = [float(line[line.index("planned,") - 1]) for line in lines]
    measured = [float(line[line.index("measured") - 1]) for line in lines]
    assert planned == pytest.approx(measured, rel=0.01)
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output
    ]
    assert any("image/png" in output.data for output in pictures)


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
