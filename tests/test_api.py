"""The public functions do what the commands do, on a narrow network and little data."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import alexnet_keras
from alexnet_keras import InputError, OptionError, figures
from alexnet_keras.config.recipes import RECIPES
from alexnet_keras.config.training import DataSource, TrainConfig

NARROW = {"towers": 1, "filters": (8,) * 5, "hidden_units": (16, 16), "input_size": 67}


@pytest.fixture(scope="module")
def result(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("api") / "run"
    return alexnet_keras.train(folder, run=run, network=NARROW, epochs=2, batch_size=5, precision="float32")


def test_version():
    assert alexnet_keras.__version__.count(".") == 2


def test_recipes_are_configurations_by_name():
    recipes = alexnet_keras.recipes()
    assert list(recipes) == list(RECIPES)
    assert all(isinstance(config, TrainConfig) for config in recipes.values())
    assert recipes["paper"].learning_rate == 0.01


def test_train_returns_the_run(result, folder):
    assert {path.name for path in result.run.iterdir()} >= {"config.json", "history.csv", "model.keras"}
    assert (result.config.recipe, result.config.epochs) == ("quickstart", 2)
    assert Path(result.config.data) == folder
    assert result.config.architecture.filters == (8,) * 5
    assert len(result.history) == 2
    assert result.evaluation.num_images == 9
    assert result.model.output_shape == (None, 3)


def test_train_resumes_what_agrees(result, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    again = alexnet_keras.train(folder.name, "quickstart", result.run, network=NARROW, resume=True, epochs=2)
    assert again.evaluation == result.evaluation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 8}, "The configuration has no field 'depth'; choose from data, data_dir"),
        ({"architecture": None}, "The configuration has no field 'architecture'"),
        ({"epochs": 0}, "epochs"),
        ({"recipe": "slow"}, "`recipe` 'slow' is unknown"),
        ({"network": {"depth": 8}}, "'depth'"),
        ({"resume": True, "overwrite": True}, "`resume` and `overwrite` exclude each other; omit one of them."),
        ({"resume": True}, "`resume=True` needs the folder of the run to continue; name it with `run`."),
    ],
)
def test_what_cannot_be_trained(changes, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=message):
        alexnet_keras.train(**changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 1}, "`epochs=1` contradicts the run .*, which has 2; omit it, or start another run"),
        ({"pca_noise": "paper"}, "`pca_noise=paper` contradicts the run .*, which has None"),
        ({"recipe": "paper"}, "`recipe=paper` contradicts the run .*, which has quickstart"),
        ({"variant": "caffe"}, "`variant=caffe` contradicts the run .*, which has paper"),
        ({"network": {"activation": "tanh"}}, "`activation=tanh` contradicts the run .*, which has relu"),
    ],
)
def test_what_contradicts_the_resumed_run(changes, message, result):
    with pytest.raises(OptionError, match=message):
        alexnet_keras.train(run=result.run, resume=True, **changes)


def test_every_path_may_be_a_path(tmp_path):
    absent = tmp_path / "absent"
    with pytest.raises(OptionError, match=f"The data set {absent}: no such folder"):
        alexnet_keras.train(absent, data_dir=absent)
    with pytest.raises(OptionError, match=f"`weights` {absent} is not a file"):
        alexnet_keras.train("shapes", weights=absent)
    with pytest.raises(OptionError, match=f"The data set {absent}: no such folder"):
        figures.augmentation(absent)


def test_evaluate_takes_runs_files_and_models(result, folder):
    expected = result.evaluation
    assert alexnet_keras.evaluate(result.run) == expected
    assert alexnet_keras.evaluate(str(result.run / "model.keras"), folder) == expected
    assert alexnet_keras.evaluate(result.model, DataSource(name=str(folder))) == expected
    assert alexnet_keras.evaluate(result.run, crops=10).crops == 10
    with pytest.raises(OptionError, match="A model in memory does not belong to a run; name its data set with `data`"):
        alexnet_keras.evaluate(result.model)
    with pytest.raises(OptionError, match="There is no model absent"):
        alexnet_keras.evaluate("absent")


def test_predict_takes_paths_and_arrays(result, folder):
    path = folder / "val" / "red" / "1.png"
    pixels = np.asarray(Image.open(path))
    (one,) = alexnet_keras.predict(result.run, path, top=2)
    assert one["file"] == str(path)
    assert len(one["predictions"]) == 2
    two, three = alexnet_keras.predict(result.model, [str(path), pixels])
    assert len(two["predictions"]) == 3
    (four,) = alexnet_keras.predict(result.run / "model.keras", pixels, top=3)
    assert three["file"] is None
    for other in (three, four):
        for prediction, expected in zip(other["predictions"], two["predictions"], strict=True):
            assert prediction["class"] == expected["class"]
            assert prediction["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    with pytest.raises(InputError, match="cannot be read"):
        alexnet_keras.predict(result.run, "absent.jpg")


@pytest.mark.parametrize("top", [-1, 0])
def test_predict_checks_top(top):
    with pytest.raises(OptionError, match=f"`top` must be 1 to 1,000,000, got {top}."):
        alexnet_keras.predict("absent", "photo.jpg", top=top)


def test_predict_reads_neither_lists_nor_standard_input(result, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-", "@photo"):
        with pytest.raises(InputError, match=f"^{name} cannot be read .No such file or directory.; check the path"):
            alexnet_keras.predict(result.run, [name])
        Path(name).write_bytes((folder / "val" / "red" / "1.png").read_bytes())
        assert [row["file"] for row in alexnet_keras.predict(result.run, [name, Path(name)])] == [name, name]


def test_export_writes_beside_the_model_or_elsewhere(result, folder, tmp_path):
    report = alexnet_keras.export(result.run, "keras")
    assert report["path"] == str(result.run / "model-export.keras")
    assert report["top1_agreement"] == 1
    report = alexnet_keras.export(result.model, "tflite", tmp_path / "model.tflite", quantize="float16", data=folder)
    assert report["bytes"] == (tmp_path / "model.tflite").stat().st_size
    assert alexnet_keras.load_model(result.run / "model-export.keras").count_params() == result.model.count_params()
    with pytest.raises(OptionError, match="A model in memory does not belong to a run; name `output`."):
        alexnet_keras.export(result.model, "tflite")
    with pytest.raises(OptionError, match="There is no `format` 'pdf'"):
        alexnet_keras.export(result.run, "pdf")
    with pytest.raises(OptionError, match="The data set no_such_data: no such folder"):
        alexnet_keras.export(result.run, "tflite", tmp_path / "x.tflite", quantize="int8", calibration="no_such_data")


def test_export_is_a_function_after_its_folder_is_imported():
    from alexnet_keras.export import tflite

    assert tflite.write
    assert alexnet_keras.export is alexnet_keras.api.export


def test_a_keras_user_needs_five_lines(folder):
    train, validation = alexnet_keras.load_data(str(folder), batch_size=6, input_size=67)
    narrow = {name: value for name, value in NARROW.items() if name != "input_size"}
    model = alexnet_keras.AlexNet(classes=3, class_names=train.class_names, input_shape=(67, 67, 3), **narrow)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=validation, epochs=1, verbose=0)
    assert np.isfinite(history.history["val_loss"][0])
