"""Figures have the right content inside their page, and the commands write them or say in one line why not."""

import builtins
import dataclasses
import io
import json
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image
from support import CLASS_NAMES, cli, only_error

from alexnet_keras import figures
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import one_image, one_pass, results, units
from alexnet_keras.figures.networks import predictor_of
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError, OptionError


@pytest.fixture(scope="module")
def network(run):
    return load_model(run / "model.keras")


@pytest.fixture(scope="module")
def predictor(network):
    return from_keras(network)


@pytest.fixture(scope="module")
def crops(folder):
    """The validation images as the network sees them, by the name of their class in order."""
    split = open_dataset(str(folder)).validation
    return np.stack(one_pass.crops(split, range(len(split)), 67))


@pytest.fixture(scope="module")
def twins(folder, tmp_path_factory):
    """A data set whose validation images are its training images."""
    root = tmp_path_factory.mktemp("twins") / "twins"
    for part in ("train", "val"):
        shutil.copytree(folder / "train", root / part)
    return str(root)


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def assert_well_set(figure):
    """Check that every text besides the tick labels is inside the page and that no two of them overlap."""
    figure.draw_without_rendering()
    axes = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = [label for axis in axes for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)]
    found = [(text.get_text(), text.get_window_extent()) for text in texts(figure) if text not in ticks]
    width, height = figure.bbox.width, figure.bbox.height
    assert found
    for text, box in found:
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for index, (one, first) in enumerate(found):
        for other, second in found[index + 1 :]:
            assert not first.shrunk(0.9, 0.8).overlaps(second.shrunk(0.9, 0.8)), (one, other)


def images(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_filters(network):
    figure = figures.filters(network)
    assert_well_set(figure)
    assert {"tower a", "tower b", "The 8 kernels of the first layer, conv1"} <= set(words(figure))
    assert "most kernels are still noise" in words(figure)[-1].replace("\n", " ")
    assert [image.shape for image in images(figure)] == [(11, 16 * 12 - 1, 3)] * 2


def test_filters_that_are_no_noise_in_one_tower():
    model = AlexNet("one_tower", include_top=False, filters=(4,) * 5, input_shape=(67, 67, 3))
    kernel = np.broadcast_to(np.linspace(-1, 1, 11)[:, None, None, None], (11, 11, 3, 4))
    model.get_layer("conv1").set_weights([kernel, np.zeros(4)])
    found = words(figures.filters(model))
    assert "tower a" not in found
    assert not any("still noise" in text for text in found)


@pytest.mark.parametrize("variant", ["paper", "original", "one_tower", "batchnorm"])
def test_architecture(variant):
    model = AlexNet(variant, classes=5, filters=(16, 32, 48, 48, 32), hidden_units=(64, 32))
    figure = figures.architecture(model)
    assert_well_set(figure)
    found = words(figure)
    towers = 1 if variant == "one_tower" else 2
    assert found.count(f"13 x 13 x {48 // towers}") == 2 * towers
    assert found.count(f"55 x 55 x {16 // towers}") == towers
    assert "5" in found
    assert any(text.startswith("11 x 11, stride 4\n") for text in found)


def test_activations(network, crops):
    figure = figures.activations(network, crops[0])
    assert_well_set(figure)
    maps = one_image.feature_maps(network, crops[0])
    assert list(maps) == ["conv1", "norm1", "conv2", "norm2", "conv3", "conv4", "conv5"]
    assert maps["norm1"].shape == (15, 15, 8)
    assert f"conv1\n15 x 15 x 8: {(maps['conv1'] == 0).mean():.0%} zeros" in words(figure)
    shown = images(figure)
    np.testing.assert_array_equal(shown[0], crops[0])
    assert len(shown) == 1 + len(maps)


def history(*errors):
    return [
        {"epoch": epoch, "top1_error": error, "validation_top1_error": error / 2, "seconds": 90 * epoch}
        for epoch, error in enumerate(errors, 1)
    ]


def test_curves():
    figure = figures.curves({"one": history(0.8, 0.7), "other": history(0.6, 0.5, 0.4)})
    assert_well_set(figure)
    (axes,) = figure.axes
    assert axes.get_yscale() == "linear"
    assert [list(line.get_ydata()) for line in axes.lines] == [
        [0.4, 0.35],
        [0.8, 0.7],
        [0.3, 0.25, 0.2],
        [0.6, 0.5, 0.4],
    ]
    assert {"one", "other", "35.0%", "20.0%"} <= set(words(figure))
    assert len({line.get_color() for line in axes.lines}) == 2


def test_curves_by_minutes():
    figure = figures.curves({"one": history(0.8, 0.7), "other": history(0.6, 0.5, 0.4)}, by="minutes")
    assert_well_set(figure)
    (axes,) = figure.axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[1.5, 4.5]] * 2 + [[1.5, 4.5, 9.0]] * 2
    assert (axes.get_xlabel(), "Top-1 error by minutes" in words(figure)) == ("minutes", True)
    with pytest.raises(OptionError, match="`by` must be one of epoch, minutes, got 'hours'."):
        figures.curves({"one": history(0.8)}, by="hours")


def test_curves_are_logarithmic_where_errors_differ_much():
    figure = figures.curves({"one": history(0.9, 0.1)})
    assert figure.axes[0].get_yscale() == "log"
    assert_well_set(figure)
    assert figures.curves({"perfect": history(0.9, 0.0)}).axes[0].get_yscale() == "linear"


def test_the_caption_of_curves_says_which_runs_had_dropout(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    config["architecture"]["dropout"] = 0.0
    (copy / "config.json").write_text(json.dumps(config))

    def caption(runs):
        return next(text for text in words(figures.curves(runs)) if "Dashed" in text).replace("\n", " ")

    assert "the augmented training images, with dropout." in caption(str(run))
    assert "the augmented training images." in caption(copy)
    assert "the augmented training images." in caption({"one": history(0.8, 0.7)})
    assert f"the augmented training images, with dropout in {run.name}." in caption([run, copy])


def test_figures_take_runs_files_and_keras_models(run, network, folder, crops):
    for model in (network, from_keras(network), str(run), run / "model.keras"):
        assert predictor_of(model).predict(crops[:1]).shape == (1, 3)
    drawn = [images(figures.predictions(model, data=str(folder)))[0] for model in (run, network)]
    np.testing.assert_array_equal(*drawn)
    for model in (str(run), run / "model.keras"):
        np.testing.assert_array_equal(images(figures.filters(model))[0], images(figures.filters(network))[0])
    with pytest.raises(OptionError, match=r"There is no model .*model.keras; check its name"):
        figures.confusion(folder, folder)


def test_curves_of_a_run_without_an_epoch():
    with pytest.raises(InputError, match="The run new has no finished epoch; train it further before drawing"):
        figures.curves({"new": []})


def test_predictions(predictor, folder, crops):
    figure = figures.predictions(predictor, str(folder))
    bars = [axes for axes in figure.axes if axes.patches]
    assert len(bars) == results.IMAGES
    probabilities = predictor.predict(crops)
    first, last = bars[0], bars[-1]
    for axes, index in ((first, 0), (last, len(crops) - 1)):
        order = np.argsort(-probabilities[index], kind="stable")
        np.testing.assert_allclose([bar.get_width() for bar in axes.patches], probabilities[index][order], rtol=1e-5)
        true = CLASS_NAMES.index(axes.get_title())
        colors = [bar.get_facecolor() for bar in axes.patches]
        assert colors.count(colors[list(order).index(true)]) == 1
    assert first.get_title() == "blue"
    assert last.get_title() == "red"
    np.testing.assert_array_equal(images(figure)[0], crops[0])
    assert_well_set(figure)


def as_predictor(probabilities):
    """A predictor that gives these probabilities to the images in their order."""
    rows = iter(probabilities)
    return Predictor(lambda batch: np.array([next(rows) for _ in batch]), 67, CLASS_NAMES)


def test_the_worst_mistakes_come_first(folder):
    probabilities = np.tile([0.9, 0.1, 0.0], (9, 1))  # the last six images are of other classes
    probabilities[4] = [0.97, 0.02, 0.01]
    probabilities[7] = [0.0, 1.0, 0.0]
    figure = figures.predictions(as_predictor(probabilities), str(folder), wrong=True)
    assert "The worst of 6 mistakes in 9 validation images" in words(figure)
    bars = [axes for axes in figure.axes if axes.patches]
    assert [axes.get_title() for axes in bars[:3]] == ["red", "green", "green"]
    assert bars[1].patches[0].get_width() == pytest.approx(0.97)


def test_the_surest_right_answers_are_of_several_classes(folder):
    probabilities = np.tile([0.6, 0.4, 0.0], (9, 1))
    probabilities[5] = [0.1, 0.9, 0.0]
    figure = figures.predictions(as_predictor(probabilities), str(folder), best=True)
    assert "The surest of 4 right answers for 9 validation images" in words(figure)
    assert [axes.get_title() for axes in figure.axes if axes.patches] == ["green", "blue", "blue", "blue"]


def test_no_right_answers(folder):
    with pytest.raises(InputError, match="None of the 9 images is classified correctly; omit `best`."):
        figures.predictions(as_predictor(np.eye(3)[[1] * 3 + [0] * 6]), str(folder), best=True)


def test_the_best_and_the_wrong_exclude_each_other(predictor, folder):
    with pytest.raises(OptionError, match="`wrong` and `best` exclude each other; omit one of them."):
        figures.predictions(predictor, str(folder), wrong=True, best=True)


def test_no_mistakes(folder):
    with pytest.raises(InputError, match="All 9 validation images are classified correctly; omit `wrong`."):
        figures.predictions(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 1, 2, 2, 2]]), str(folder), wrong=True)


def test_confusion(folder):
    figure = figures.confusion(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 2, 0, 2, 2]]), str(folder))
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array(), [[100, 0, 0], [0, 200 / 3, 100 / 3], [100 / 3, 0, 200 / 3]]
    )
    found = words(figure)
    assert "colours: 22.2% of the images are taken for another class" in found
    assert [found.count(number) for number in ("100", "67", "33", "0")] == [1, 2, 2, 0]
    assert_well_set(figure)


def test_confusion_of_many_classes_shows_those_with_most_errors(folder, monkeypatch):
    monkeypatch.setattr(results, "MOST_CLASSES", 2)
    figure = figures.confusion(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 2, 0, 2, 2]]), str(folder))
    assert figure.axes[0].images[0].get_array().shape == (2, 2)
    assert {"green", "red"} <= set(words(figure))
    assert "blue" not in words(figure)


def test_other_classes(predictor, twins, tmp_path):
    root = Path(shutil.copytree(twins, tmp_path / "renamed"))
    for part in ("train", "val"):
        (root / part / "red").rename(root / part / "crimson")
    for draw in (figures.predictions, figures.confusion):
        with pytest.raises(InputError, match="use data with the classes that the model was trained on"):
            draw(predictor, str(root))


def test_occlusion(predictor, crops):
    figure = figures.occlusion(predictor, crops[0], "blue", size=30, stride=20)
    probability = predictor.predict(crops[:1])[0, 0]
    assert f"Where the network sees blue ({probability:.1%}): occlusion" in words(figure)
    assert_well_set(figure)


def test_gradcam(network, crops):
    figure = figures.gradcam(network, crops[0])
    (probabilities,) = from_keras(network).predict(crops[:1])
    name = CLASS_NAMES[probabilities.argmax()]
    assert f"Where the network sees {name} ({probabilities.max():.1%}): Grad-CAM" in words(figure)
    assert_well_set(figure)


def test_evidence_for_a_class_that_does_not_exist(predictor, crops):
    with pytest.raises(OptionError, match="no class 'cat' for `label`; choose from blue, green, red."):
        figures.occlusion(predictor, crops[0], "cat")


def test_evidence_for_a_single_class(predictor, crops):
    single = dataclasses.replace(predictor, class_names=("all",))
    with pytest.raises(InputError, match="The model has a single class, so nothing can be evidence for it"):
        figures.occlusion(single, crops[0])


def test_the_nearest_neighbour_of_a_training_image_is_itself(network, twins):
    figure = figures.retrieval(network, twins)
    by_row = np.array_split(np.stack(images(figure)), 1)[0]
    assert len(by_row) == 5 * (1 + 5 + 5)
    for query, nearest, by_pixels in zip(by_row[::11], by_row[1::11], by_row[6::11], strict=True):
        np.testing.assert_array_equal(query, nearest)
        np.testing.assert_array_equal(query, by_pixels)
    assert_well_set(figure)


def test_patches(network, folder, crops):
    figure = figures.patches(network, str(folder), "conv1", 5)
    values = [float(axes.get_title()) for axes in figure.axes if axes.images]
    assert values == sorted(values, reverse=True)
    maps = np.stack([one_image.feature_maps(network, crop)["conv1"][..., 5] for crop in crops])
    index, row, column = np.unravel_index(maps.argmax(), maps.shape)
    assert values[0] == pytest.approx(float(maps.max()), rel=1e-2)
    patch = crops[index, 4 * row : 4 * row + 11, 4 * column : 4 * column + 11]
    np.testing.assert_array_equal(images(figure)[0], patch)
    assert_well_set(figure)


def test_patches_of_a_unit_of_fc6_are_whole_images(network, folder):
    assert images(figures.patches(network, str(folder), "fc6", 15))[0].shape == (67, 67, 3)


@pytest.mark.parametrize(
    ("layer", "unit", "message"),
    [
        ("conv5", 8, "`unit` must be 0 to 7, because conv5 has 8 channels, got 8."),
        ("conv9", 0, "no layer 'conv9'; choose from images, mean, conv1"),
    ],
)
def test_units_that_do_not_exist(network, folder, layer, unit, message):
    with pytest.raises(OptionError, match=message):
        figures.patches(network, str(folder), layer, unit)


@pytest.fixture
def tsne(monkeypatch):
    """A stand-in for scikit-learn's t-SNE, which takes seconds: the places are two of the features."""
    calls = []

    class TSNE:
        def __init__(self, **options):
            calls.append(options)

        def fit_transform(self, features):
            return features[:, :2] + np.arange(len(features))[:, None]

    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.manifold", types.SimpleNamespace(TSNE=TSNE))
    return calls


def test_embedding(network, folder, tsne):
    figure = figures.embedding(network, str(folder))
    assert set(CLASS_NAMES) <= set(words(figure))
    assert len(figure.axes[0].artists) == 9
    assert tsne == [{"perplexity": 3, "random_state": 0, "init": "pca"}]
    assert_well_set(figure)


def test_embedding_of_too_few_images(network, folder, tsne):
    with pytest.raises(InputError, match="colours has 3 validation images; the map needs 4. Add some."):
        figures.embedding(network, str(folder), limit=3)


def hide(monkeypatch, package):
    """Let the import of a package fail."""
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)


def test_embedding_without_scikit_learn(network, folder, monkeypatch):
    hide(monkeypatch, "sklearn")
    with pytest.raises(
        InputError, match="needs scikit-learn; install it with `pip install 'alexnet-keras\\[embedding\\]'`"
    ):
        figures.embedding(network, str(folder))


def test_augmentation(folder):
    figure = figures.augmentation(str(folder), index=5)
    assert_well_set(figure)
    shifts = [text for text in words(figure) if text.startswith(("+", "-"))]
    assert len(shifts) == 12
    assert all(any(float(value) for value in text.split()) for text in shifts)
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert len({patch.get_edgecolor() for patch in boxes}) == 6
    stored = images(figure)[0]
    assert stored[..., 1].mean() > stored[..., 0].mean() + 60  # image 5 of four blue, four green and four red ones


def test_another_seed_draws_otherwise(folder):
    one, same, other = (images(figures.augmentation(str(folder), seed=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(first, second) for first, second in zip(one, same, strict=True))
    assert not np.array_equal(one[1], other[1])


COMMANDS = {
    "architecture": ("RUN",),
    "filters": ("RUN",),
    "activations": ("RUN", "IMAGE"),
    "occlusion": ("RUN", "IMAGE", "--stride", "30"),
    "gradcam": ("RUN", "IMAGE", "--label", "red"),
    "curves": ("RUN", "--by", "minutes"),
    "predictions": ("RUN",),
    "confusion": ("RUN",),
    "retrieval": ("RUN", "--limit", "6"),
    "patches": ("RUN", "--unit", "3"),
    "augmentation": ("--data", "FOLDER"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_writes_its_figure(name, run, folder, tmp_path):
    places = {"RUN": run, "IMAGE": run / "example.png", "FOLDER": folder}
    arguments = [places.get(argument, argument) for argument in COMMANDS[name]]
    output = tmp_path / "new" / f"{name}.png"
    result = cli("figures", name, *arguments, "--output", output, "--width", 600, "--json")
    assert result.code == 0, result.err
    assert result.json == {"output": str(output)}
    with Image.open(output) as image:
        assert image.width in (599, 600)


def test_every_figure_has_a_command():
    commands = cli("figures", "--help").out
    assert set(figures.__all__) - {"save"} == set(COMMANDS) | {"embedding"}
    assert all(f"  {name}" in commands for name in [*COMMANDS, "embedding"])
    assert dir(figures) == sorted(figures.__all__)
    with pytest.raises(AttributeError, match="module 'alexnet_keras.figures' has no attribute 'portrait'"):
        _ = figures.portrait


def test_the_same_figure_gives_the_same_bytes(network, tmp_path):
    for suffix in (".svg", ".png"):
        contents = []
        for name in "ab":
            figures.save(figures.filters(network), tmp_path / f"{name}{suffix}")
            contents.append((tmp_path / f"{name}{suffix}").read_bytes())
        assert contents[0] == contents[1]
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_a_notebook_shows_a_figure(network):
    with Image.open(io.BytesIO(figures.filters(network)._repr_png_())) as image:
        assert image.format == "PNG"
        assert image.width in (999, 1000)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("filters", "RUN", "--output", "a.jpg"), 2, "--output must end in .png or .svg, got 'a.jpg'; try 'a.png'."),
        (("filters", "RUN", "--output", "RUN/example.png"), 1, "example.png exists; choose another --output"),
        (("filters", "no.keras"), 2, "There is no model no.keras"),
        (("filters", "FOLDER"), 1, "is neither a run with 'model.keras' nor a SavedModel"),
        (("architecture", "RUN", "--variant", "owt"), 2, "MODEL and --variant exclude each other; omit one of them."),
        (("activations", "RUN", "RUN/config.json"), 1, "config.json is not a complete JPEG, PNG, GIF"),
        (("activations", "RUN", "no.jpg"), 1, "no.jpg cannot be read"),
        (("activations", "RUN", "a.jpg", "b.jpg"), 2, "takes a model and one image, got 3 names; omit some."),
        (("gradcam", "RUN", "RUN/example.png", "--label", "cat"), 2, "no class 'cat' for --label; choose from blue"),
        (("occlusion", "RUN", "RUN/example.png", "--size", "67"), 2, "--size must be 1 to 66"),
        (("patches", "RUN", "--unit", "99"), 2, "--unit must be 0 to 7"),
        (("retrieval", "RUN", "--layer", "fc9"), 2, "no layer 'fc9'; choose from"),
        (("confusion", "RUN/model.keras", "--data", "nowhere"), 2, "nowhere"),
        (("confusion", "MODEL"), 2, "is not in the folder of a run; name its data set with --data."),
        (("curves", "FOLDER"), 1, "is no run: it has no config.json; name a folder that 'alexnet-keras train' wrote."),
        (("augmentation", "--data", "FOLDER", "--image", "12"), 2, "--image must be 0 to 11, got 12"),
    ],
)
def test_what_cannot_be_drawn(arguments, code, message, run, folder, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {"RUN": str(run), "FOLDER": str(folder), "MODEL": str(model)}
    before = sorted(tmp_path.iterdir())
    expanded = [places.get(part, part.replace("RUN/", f"{run}/")) for part in arguments]
    result = cli("figures", *expanded)
    assert result.code == code
    assert message in only_error(result)
    assert sorted(tmp_path.iterdir()) == before  # nothing is half-written


def test_a_format_without_layers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.tflite").touch()
    result = cli("figures", "filters", "model.tflite")
    assert result.code == 1
    assert "model.tflite has no layers that can be drawn; use a run, .keras" in only_error(result)


def test_without_matplotlib(monkeypatch, folder, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "alexnet_keras.figures.style", raising=False)
    hide(monkeypatch, "matplotlib")
    result = cli("figures", "augmentation", "--data", folder)
    assert result.code == 1
    expected = "Figures need matplotlib; install it with `pip install 'alexnet-keras[figures]'`."
    assert expected in only_error(result)
    assert list(tmp_path.iterdir()) == []


def test_a_progress_line_is_counted_in_images(network, folder, monkeypatch):
    totals = []

    class Counter(one_pass.Progress):
        def close(self):
            totals.append(self.done)
            super().close()

    monkeypatch.setattr(one_pass, "Progress", Counter)
    units.patches(network, str(folder), "conv5", 0)
    assert totals == [9]
