"""The notebook runs from top to bottom on a small data set."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from alexnet_keras.model.loading import load_model

NOTEBOOK = Path(__file__).parents[1] / "examples" / "alexnet_keras.ipynb"
NARROW = """
import dataclasses
from alexnet_keras.config.variants import ARCHITECTURES

ARCHITECTURES["paper"] = dataclasses.replace(ARCHITECTURES["paper"], filters=(8,) * 5, hidden_units=(16, 16))
"""


# Jupyter's own libraries: one announces its next version's folders, the other leaves a socket to the interpreter's end.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs(folder, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "skip-test" not in cell.metadata.get("tags", [])]
    (data,) = [cell for cell in notebook.cells if cell.id == "data"]
    data.source = data.source.replace('data = "shapes"', f"data = {str(folder)!r}").replace(
        "epochs, steps = 8", "epochs, steps = 1"
    )
    assert str(folder) in data.source
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NARROW))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    (predictions,) = [cell for cell in notebook.cells if cell.id == "predict"]
    assert predictions.outputs[0].text.count(" looks like ") == 5
    assert load_model(tmp_path / "alexnet.keras").input_shape == (None, 227, 227, 3)
