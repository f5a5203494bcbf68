"""The command `reproduce`: what it hands on, and the tables of errors and of epochs."""

import dataclasses

from support import cli, only_error

from alexnet_keras.cli.reproduce import show
from alexnet_keras.reproduction.experiment import Reproduction, RowResult


def row(name, values, **changes):
    counts = {"learning_rate": 0.01, "epochs": 90, "seeds": tuple(range(len(values))), "runs": ("run",) * len(values)}
    return RowResult(**{"name": name, "values": values, "mean": None, "deviation": None, **counts, **changes})


ERRORS = Reproduction(
    experiment="ablations",
    title="Parts of AlexNet",
    protocol="90 epochs",
    published="on ImageNet",
    data="imagenette",
    rows=(
        row("the network", (0.3, 0.32), mean=0.31, deviation=0.01414, published=0.4),
        row(
            *("without a part", (0.35, 0.37)),
            **{"mean": 0.36, "deviation": 0.01414, "difference": 0.05, "probability": 0.0123},
            **{"published": 0.42, "published_difference": 0.02},
        ),
        row("without two parts", (0.5,), mean=0.5, difference=0.19, probability=0.0004),
        row("another", (0.3,), mean=0.3, difference=-0.01, probability=0.4),
        row("unstable", (None,), diverged=(0,)),
    ),
    target=None,
    ratio=None,
    ratio_is_bound=False,
    published_ratio=None,
    picture="out/ablations.png",
    test="a test in words",
    provenance={},
)
EPOCHS = dataclasses.replace(
    ERRORS,
    rows=(row("ReLU", (4.5, 5.5), mean=5.0, deviation=0.7), row("tanh", (30.0,), mean=30.0), row("none", (None,))),
    target=0.25,
    ratio=6.0,
    published_ratio=6.0,
    test="",
)


def cells(text):
    return [[cell for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_errors_are_shown_beside_the_published_ones(capsys):
    show(ERRORS)
    head, table = capsys.readouterr().out.split("\n\n")
    assert head.splitlines() == [
        "experiment  Parts of AlexNet",
        "data        imagenette",
        "ours        90 epochs.",
        "published   on ImageNet.",
        "test        a test in words.",
    ]
    rows = [[cell.strip() for cell in line] for line in cells(table)]
    assert rows == [
        ["our", "published"],
        ["top-1 val error", "difference", "p", "published", "difference", "epochs", "seeds"],
        ["the network", "31.00% ± 1.41", "40.00%", "90", "2"],
        ["without a part", "36.00% ± 1.41", "+5.00", "0.012", "42.00%", "+2.00", "90", "2"],
        ["without two parts", "50.00%", "+19.00", "<0.001", "90", "1"],
        ["another", "30.00%", "-1.00", "0.400 chance", "90", "1"],
        ["unstable", "diverged", "90", "1"],
        ["Wrote out/ablations.png"],
    ]


def test_epochs_until_a_target_end_in_their_ratio(capsys):
    show(dataclasses.replace(EPOCHS, rows=EPOCHS.rows[:2]))
    head, table = capsys.readouterr().out.split("\n\n")
    assert "test " not in head
    assert [[cell.strip() for cell in line] for line in cells(table)] == [
        ["epochs to 25%", "learning rate", "epochs", "seeds"],
        ["ReLU", "5.0 ± 0.7", "0.01", "90", "2"],
        ["tanh", "30.0", "0.01", "90", "1"],
        ["Ratio: tanh takes 6.0 times the epochs of ReLU; published: 6 times."],
        ["Wrote out/ablations.png"],
    ]
    some, nan = row("some", (45.0, 45.0, None), epochs=60), row("nan", (45.0, None), diverged=(1,))
    show(dataclasses.replace(EPOCHS, rows=(*EPOCHS.rows, some, nan)))
    rows = [[cell.strip() for cell in line] for line in cells(capsys.readouterr().out)]
    assert ["none", "not reached", "0.01", "90", "1"] in rows
    assert ["some", "≥ 50.0 (2 of 3 seeds)", "0.01", "60", "3"] in rows
    assert ["nan", "diverged (1 of 2 seeds)", "0.01", "90", "2"] in rows


def test_the_options_are_handed_on(replaced, folder, tmp_path):
    calls = replaced("alexnet_keras.api.reproduce", ERRORS)
    options = ["--seeds", 3, "--epochs", 5, "--output", tmp_path / "out", "--picture", tmp_path / "a.svg"]
    result = cli("reproduce", "ablations", "--data", folder, *options, "--json")
    assert result.json["rows"][1]["difference"] == 0.05
    assert "Parts of AlexNet" in cli("reproduce", "figure-1", "--data", "shapes").out
    given = {"seeds": 3, "epochs": 5, "output": tmp_path / "out", "picture": tmp_path / "a.svg"}
    assert calls == [
        (("ablations", str(folder)), given),
        (("figure-1", "shapes"), dict.fromkeys(given)),
    ]


def test_more_than_a_hundred_seeds_are_refused(replaced):
    calls = replaced("alexnet_keras.api.reproduce", ERRORS)
    result = cli("reproduce", "ablations", "--data", "shapes", "--seeds", 101)
    assert "Invalid value for '--seeds': it must be 1 to 100, got 101" in only_error(result)
    assert (result.code, calls) == (2, [])
