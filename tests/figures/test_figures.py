"""Every figure has a command, which writes it or says in one line why not."""

import sys

import pytest
from PIL import Image
from support import cli, only_error

from alexnet_keras import figures

COMMANDS = {
    "architecture": ("RUN",),
    "filters": ("RUN",),
    "activations": ("RUN", "IMAGE"),
    "occlusion": ("RUN", "IMAGE", "--size", "40", "--stride", "30"),
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
        (("retrieval", "RUN", "--layer", "fc9"), 2, "no --layer 'fc9'; choose from"),
        (("confusion", "RUN/model.keras", "--data", "nowhere"), 2, "nowhere"),
        (("confusion", "MODEL"), 2, "is not in the folder of a run; name its data set with --data."),
        (("curves", "FOLDER"), 2, "make one with 'alexnet-keras train', or name another folder."),
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


def test_without_matplotlib(hide, monkeypatch, folder, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "alexnet_keras.figures.style", raising=False)
    hide("matplotlib")
    result = cli("figures", "augmentation", "--data", folder)
    assert result.code == 1
    expected = "Figures need matplotlib; install it with `pip install 'alexnet-keras[figures]'`."
    assert expected in only_error(result)
    assert list(tmp_path.iterdir()) == []
