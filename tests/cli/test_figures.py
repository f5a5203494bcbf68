"""The commands `figures`: each hands its options to the figure of its name, and saves what it gets."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import ROOT, cli, only_error

from alexnet_keras import figures

RUN = ROOT / "tests" / "fixtures" / "finished_run"
FIGURES = ("architecture", "augmentation", "confusion", "curves", "embedding", "filters", "patches", "retrieval")


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The calls of all figures and of `save`, in a folder of its own."""
    calls = []

    def recorder(name):
        def record(*arguments, **options):
            calls.append((name, arguments, options))
            return f"the figure {name}"

        return record

    functions = {name: recorder(name) for name in (*FIGURES, "save")}
    drawing = SimpleNamespace(**functions, SUFFIXES=figures.SUFFIXES)
    monkeypatch.setattr("alexnet_keras.cli.figures.drawing", drawing)
    monkeypatch.chdir(tmp_path)
    return calls


def test_a_figure_is_saved_under_its_name_unless_another_is_given(drawn, tmp_path):
    result = cli("figures", "filters", RUN)
    assert result.out == "Wrote filters.png\n"
    result = cli("figures", "filters", RUN, "--output", tmp_path / "a.svg", "--width", 300, "--json")
    assert result.json == {"output": str(tmp_path / "a.svg")}
    saved = [(figure, str(output), width) for name, (figure, output, width), _ in drawn[1::2]]
    assert saved == [
        ("the figure filters", "filters.png", 2000),
        ("the figure filters", str(tmp_path / "a.svg"), 300),
    ]
    assert {name for name, _, _ in drawn[1::2]} == {"save"}


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["retrieval"], (None, 2000)),
        (["retrieval", "--layer", "conv5", "--limit", 7], ("conv5", 7)),
        (["patches"], (None, 0, 2000)),
        (["patches", "--layer", "conv2", "--unit", 3, "--limit", 9], ("conv2", 3, 9)),
        (["embedding"], (None, 300)),
    ],
    ids=str,
)
def test_options_are_handed_on_with_the_data_set(words, arguments, folder, drawn):
    assert cli("figures", words[0], RUN, *words[1:], "--data", folder, "--no-upright").code == 0
    name, (model, source, *given), _ = drawn[0]
    assert (name, model, tuple(given)) == (words[0], RUN / "model.keras", arguments)
    assert (source.name, source.upright) == (str(folder), False)


def test_an_image_is_augmented_without_a_model(drawn):
    assert cli("figures", "augmentation").code == 0
    assert cli("figures", "augmentation", "--image", 4, "--seed", 2, "--min-crop-area", 0.5).code == 0
    (_, (source, *first), options), (_, (_, *second), others) = drawn[::2]
    assert source.name == "shapes"
    assert (first, options, second, others) == ([0, 0], {"min_crop_area": None}, [4, 2], {"min_crop_area": 0.5})


def test_curves_are_of_all_runs_that_are_named_or_of_the_newest(drawn, tmp_path):
    folder = tmp_path / "saved_models"
    folder.mkdir()
    (folder / "README.md").touch()  # as in a clone of the repository
    (folder / "mine").symlink_to(RUN)
    assert cli("figures", "curves", "saved_models", RUN, "--by", "minutes").code == 0
    assert cli("figures", "curves").code == 0
    first, second = (arguments for name, arguments, _ in drawn if name == "curves")
    assert first == ([Path("saved_models/mine"), RUN], "minutes")
    assert second == ([Path("saved_models/mine")], "epoch")


def test_curves_leave_out_runs_without_an_epoch(drawn, tmp_path):
    begun = tmp_path / "begun"
    begun.mkdir()
    shutil.copy(RUN / "config.json", begun)
    result = cli("figures", "curves", "begun", RUN)
    assert "begun has no finished epoch, so it is left out.\n" in result.err
    assert [arguments[0] for name, arguments, _ in drawn if name == "curves"] == [[RUN]]


def test_an_architecture_is_of_a_model_or_of_a_variant(drawn, monkeypatch):
    monkeypatch.setattr("alexnet_keras.model.alexnet.AlexNet", lambda spec: f"the network {spec.name}")
    cli("figures", "architecture", RUN)
    cli("figures", "architecture", "--variant", "owt")
    assert [arguments for name, arguments, _ in drawn if name == "architecture"] == [
        (RUN / "model.keras",),
        ("the network owt",),
    ]


def test_the_newest_run_is_named_if_no_model_is(drawn, tmp_path):
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "mine").symlink_to(RUN)
    assert "The model is that of the newest run, saved_models/mine/model.keras.\n" in cli("figures", "filters").err
    assert "newest run" not in cli("figures", "filters", RUN).err


def test_a_file_of_trained_weights_is_taken_as_it_is(drawn, tmp_path):
    (tmp_path / "a.caffemodel").touch()
    assert cli("figures", "filters", "a.caffemodel").code == 0
    assert [str(argument) for argument in drawn[0][1]] == ["a.caffemodel"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["filters", RUN, "--width", 199], "Invalid value for '--width': it must be 200 to 10,000, got 199"),
        (["retrieval", RUN, "--limit", 0], "Invalid value for '--limit': it must be 1 to 1,000,000, got 0"),
        (["embedding", RUN, "--limit", 3001], "Invalid value for '--limit': it must be 1 to 3,000, got 3001"),
        (["patches", RUN, "--unit", -1], "Invalid value for '--unit': it must be 0 to"),
        (["curves", RUN, "--by", "hours"], "'hours' is not one of 'epoch', 'minutes'"),
        (["gradcam"], "Missing argument '[MODEL] IMAGE"),
    ],
    ids=str,
)
def test_values_that_no_figure_takes_are_refused(words, message, drawn, tmp_path):
    result = cli("figures", *words)
    assert message in only_error(result)
    assert (result.code, drawn, list(tmp_path.iterdir())) == (2, [], [])
