"""Compression of a run: the stages, resuming, and refused input."""

import dataclasses
import shutil

import numpy as np
import pytest
from support import ROOT, cli, draw_folder, largest_file, only_error

from alexnet_keras.api import data_of
from alexnet_keras.compression import compress
from alexnet_keras.compression.compress import cluster_kernels
from alexnet_keras.compression.pruning import PAPER_KEPT, kernels, prune
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import DataSource
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export import tflite
from alexnet_keras.inference.evaluate import evaluate
from alexnet_keras.inference.predictor import DEFAULT_PREPARATION, load_predictor
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system import atomic_files, disk
from alexnet_keras.system.errors import Interrupted, OptionError
from alexnet_keras.system.input_files import read_json
from alexnet_keras.training import run_folder

DENSE = {"top1_error": 0.5, "top5_error": 0.0, "num_images": 9, "crops": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of a tiny network, whose configuration names its data."""
    root = tmp_path_factory.mktemp("compress")
    run = shutil.copytree(ROOT / "tests" / "fixtures" / "finished_run", root / "run")
    values = read_json(run / "config.json")
    data = str(draw_folder(root / "colours"))
    atomic_files.write_json(run / "config.json", {**values, "data": data, "precision": "float32"})
    return run


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture(scope="module")
def finished(trained, tmp_path_factory):
    """The run compressed as if it had been stopped before its end, and what the command printed as JSON."""
    run = shutil.copytree(trained, tmp_path_factory.mktemp("finished") / "run")
    (run / "evaluation.json").unlink()
    result = cli("compress", run, "--epochs", 1, "--kept", 0.09, "--json")
    assert result.code == 0, result.err
    return run, result.json


def test_what_a_compression_leaves(finished):
    run, report = finished
    assert {path.name for path in run.glob("*model*")} == {"model.keras", "model.alexnet", "model-pruned.tflite"}
    stages = report["stages"]
    assert list(stages) == ["dense", "pruned", "clustered", "coded", "tflite"]
    assert stages["coded"]["bytes"] == (run / "model.alexnet").stat().st_size
    assert stages["tflite"]["bytes"] == (run / "model-pruned.tflite").stat().st_size
    assert stages["dense"]["bytes"] > stages["pruned"]["bytes"] > stages["clustered"]["bytes"]
    assert {"run": str(run), **read_json(run / "compression.json")} == report
    for name, path in (("dense", "model.keras"), ("coded", "model.alexnet"), ("tflite", "model-pruned.tflite")):
        validation = open_dataset(data_of(run / "model.keras")).validation
        assert evaluate(load_predictor(run / path), validation).top1_error == stages[name]["top1_error"]


def test_the_recipe_small_fits_a_megabyte(tmp_path):
    model = AlexNet(recipe("small").architecture, classes=10)
    assert model.count_params() == 3_572_842
    prune(model, {**PAPER_KEPT, "fc6": 0.12, "fc7": 0.12})
    cluster_kernels(model)
    assert archive.write(model, tmp_path / "small.alexnet").coded < 700_000


def test_weights_are_pruned_and_clustered(finished):
    run, report = finished
    for layer, (name, kernel) in kernels(archive.read(run / "model.alexnet")).items():
        weights = kernel.numpy()
        kept = np.count_nonzero(weights) / weights.size
        assert kept == pytest.approx(PAPER_KEPT[name], abs=1 / weights.size)
        assert len(np.unique(weights[weights != 0])) <= (256 if name.startswith("conv") else 32)
        assert report["layers"][layer]["kept"] == kept


def test_the_tflite_says_how_the_run_prepares_images(finished, tmp_path):
    run, _ = finished
    moved = shutil.copyfile(run / "model-pruned.tflite", tmp_path / "model.tflite")
    assert load_predictor(moved).preparation == load_predictor(run / "model.keras").preparation != DEFAULT_PREPARATION


def test_the_tflite_computes_what_the_archive_computes(finished):
    run, _ = finished
    images = np.random.RandomState(0).randint(0, 256, (3, 67, 67, 3), np.uint8)
    one, other = (load_predictor(run / name).predict(images) for name in ("model.alexnet", "model-pruned.tflite"))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_finished_compression_is_replaced_only_when_asked(finished, tmp_path):
    run = shutil.copytree(finished[0], tmp_path / "run")
    assert "is compressed already, into model.alexnet" in only_error(cli("compress", run, "--epochs", 2))
    result = cli("compress", run, "--epochs", 0, "--kept", 0.5, "--overwrite")
    assert result.code == 0, result.err
    assert read_json(run / "compression.json")["layers"]["fc6a"]["kept"] == pytest.approx(0.5, abs=0.01)
    for words in ("dense", "coded", "35x", "42.78%", "alexnet-keras evaluate"):
        assert words in result.out


def test_a_stopped_compression_resumes(run, monkeypatch):
    def stop(owner, name, call):
        """Run the command, and stop it in a call of a function."""
        calls, original = [], getattr(owner, name)

        def wrapper(*arguments, **options):
            calls.append(name)
            if len(calls) == call:
                raise Interrupted("Stopped by SIGINT.", 2)
            return original(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, wrapper)
            result = cli("compress", run, "--epochs", 2)
        assert result.code == 130
        assert "Stopped by SIGINT. Finished steps are kept; the same command resumes." in result.err
        return result, read_json(run / "compression.json")

    _, record = stop(compress._Compression, "_save_model", 3)  # after pruning, epoch 1 and epoch 2
    assert (record["done"], record["epoch"]) == (["measure", "prune"], 1)
    assert "has the settings" in only_error(cli("compress", run, "--epochs", 3))
    result, record = stop(tflite, "write", 1)
    assert (record["done"], record["epoch"]) == (["measure", "prune", "retrain", "encode"], 2)
    assert "epoch 2/2" in result.err
    assert "epoch 1/2" not in result.err
    result = cli("compress", run, "--epochs", 2, "--json")
    assert result.code == 0, result.err
    assert result.err.splitlines()[1].startswith("tflite: val error ")
    assert list(result.json["stages"]) == ["dense", "pruned", "clustered", "coded", "tflite"]
    assert result.json["stages"]["clustered"]["top1_error"] == result.json["stages"]["tflite"]["top1_error"]
    assert not (run / "model-pruned.keras").exists()


@pytest.mark.parametrize(("pruned", "done"), [(True, ["measure", "prune"]), (False, [])])
def test_a_compression_that_version_0_1_0_began_resumes(pruned, done, tmp_path):
    settings = compress.Settings(kept=0.12, epochs=5, source=DataSource(name="shapes"))
    values = {"settings": settings.to_dict(), "epoch": 3, "errors": {"dense": DENSE}}
    atomic_files.write_json(tmp_path / "compression.json", values)
    if pruned:
        (tmp_path / "model-pruned.keras").touch()
    record = compress.Record.open(tmp_path, settings)
    assert (record.done, record.epoch, record.errors) == (done, 3, {"dense": DENSE})


def test_what_cannot_be_compressed(run, tmp_path):
    for name in (tmp_path, "imagenette"):
        assert f"{name} is no run: it has no config.json; name a folder that" in only_error(cli("compress", name))
    message = only_error(cli("compress", run, "--data", "shapes"))
    assert "has other classes than shapes" in message
    with pytest.raises(OptionError, match="`kept` must be above 0 and at most 1, got 0"):
        compress.Settings(kept=0.0, epochs=1, source=data_of(run / "model.keras"))
    result = cli("compress", run, "--epochs", -1)
    assert result.code == 2
    assert only_error(result) == "Error: Invalid value for '--epochs': it must be 0 to 1,000,000, got -1."


def test_a_disk_without_space_is_refused_and_a_full_one_named(run, monkeypatch):
    with largest_file(10_000):
        result = cli("compress", run, "--epochs", 0)
    path = run / "model-pruned.keras"
    error = f"Error: {path} cannot be written (File too large); free disk space, or write to another disk."
    assert result.err.splitlines()[-1] == error
    assert result.code == 1
    assert not list(run.glob(".partial-*"))
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1000)
    assert f"The compression of {run} needs " in only_error(cli("compress", run, "--epochs", 0))


def test_a_compression_belongs_to_its_run(finished):
    names = {"model.alexnet", "model-pruned.tflite", "compression.json"}
    assert names < set(run_folder.owned(finished[0]))


def test_a_file_of_the_user_is_not_replaced(run):
    run_folder.begin_list(run)  # of the files of the earlier version, as a resumption does
    (run / "model.alexnet").write_text("mine")
    for option in ([], ["--overwrite"]):
        message = only_error(cli("compress", run, *option))
        assert f"{run / 'model.alexnet'} was not written by this program; move it to another folder" in message
    assert (run / "model.alexnet").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"done": 3}, "compression.json.done must be a list, got 3."),
        ({"done": ["encode"]}, "the steps ['encode'] are not the first ones."),
        ({"done": ["measure"], "errors": {}}, "results are missing."),
        ({"done": ["measure"], "errors": {"dense": {**DENSE, "top1_error": "low"}}}, "must be a number"),
        ({"errors": {"dense": {"top1_error": 0.5}}}, "evaluation has no key"),
        ({"epoch": 3}, "--epoch 3 is not between 0 and 2."),
        ({"bytes": {"dense": [1]}}, "compression.json.bytes.dense must be a whole number, got [1]."),
        ({"more": 1}, "has an unknown key 'more'."),
    ],
    ids=str,
)
def test_a_damaged_record_is_one_line(changes, reason, run):
    settings = compress.Settings(kept=0.12, epochs=2, source=data_of(run / "model.keras"))
    values = dataclasses.asdict(compress.Record(settings=settings.to_dict()))
    atomic_files.write_json(run / "compression.json", {**values, **changes})
    result = cli("compress", run, "--epochs", 2)
    message = only_error(result).replace("`", "--", 1).replace("`", "", 1)
    assert f"{run / 'compression.json'} is damaged: " in message
    assert reason in message
    assert message.endswith(" Begin again with --overwrite.")
    assert result.code == 1
