"""The commands `data`: what they hand on, and how they show what was found."""

import os

from support import cli, only_error

from alexnet_keras.data.check import Report, SplitReport
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.format import BadImage
from alexnet_keras.data.shards.prepare import Prepared
from alexnet_keras.system.columns import WIDTH


def prepared(**changes):
    values = {"path": "out", "images": {"train": 1500, "validation": 500}, "shards": 3, "resumed_shards": 1}
    values |= {"bytes": 50_000_000, "seconds": 75.2, "images_per_second": 1234.5, "bad": ()}
    return Prepared(**{**values, **changes})


def test_images_are_stored_with_the_settings_of_the_options(folder, replaced, tmp_path):
    calls = replaced("alexnet_keras.data.shards.prepare.prepare", prepared())
    options = ["--size", 64, "--encoding", "raw", "--jobs", 3, "--on-error", "skip", "--no-upright"]
    result = cli("data", "prepare", "--data", folder, "--output", tmp_path / "out", *options, "--json")
    assert result.json["images"] == {"train": 1500, "validation": 500}
    assert cli("data", "prepare", "--data", folder, "--output", tmp_path / "out").code == 0
    (dataset, output, settings), _ = calls[0]
    assert (dataset.turns, output) == (False, tmp_path / "out")
    assert settings == Settings(size=64, encoding="raw", jobs=3, on_error="skip")
    (dataset, _, settings), _ = calls[1]
    assert (dataset.turns, settings) == (True, Settings(jobs=os.cpu_count()))


def test_the_table_of_stored_images_names_what_was_skipped(folder, replaced):
    bad = (BadImage("0", "val/a.jpg", "is empty"), BadImage("1", "val/b.jpg", "cannot be read"))
    replaced("alexnet_keras.data.shards.prepare.prepare", prepared(bad=bad))
    lines = cli("data", "prepare", "--data", folder, "--output", "out").out.splitlines()
    assert lines == [
        "images   1,500 for train, 500 for validation",
        "wrote    out",
        "bytes    50.00 MB, 25,000 for each image",
        "shards   3, of which 1 were finished before",
        "time     1:15, 1,234 images/s",
        "skipped  val/a.jpg is empty",
        "skipped  val/b.jpg cannot be read",
    ]
    replaced("alexnet_keras.data.shards.prepare.prepare", prepared(images_per_second=0.0))
    assert "\ntime    1:15\n" in cli("data", "prepare", "--data", folder, "--output", "out").out


def test_a_stored_size_is_that_of_training_and_no_option_here(folder):
    error = only_error(cli("data", "prepare", "--data", folder, "--output", "out", "--stored-size", 64))
    assert "No such option" in error
    assert "--stored-size" in error


def report(classes, **changes):
    splits = [SplitReport(images=9, per_class=[number * 10 for number in range(classes)]) for _ in range(2)]
    values = {"duplicates": [], "imbalance": None, "division": "", "ignored": {}, "problems": [], "warnings": []}
    return Report("d", tuple(f"class{number}" for number in range(classes)), *splits, **{**values, **changes})


def listed(folder):
    lines = [line.split() for line in cli("data", "check", "--data", folder).out.splitlines()]
    return [(line[0], line[1] if len(line) > 1 else "") for line in lines if line[0].startswith(("class", "..."))]


def test_long_lists_of_classes_are_cut_in_their_middle(folder, replaced):
    replaced("alexnet_keras.data.check.check", report(20))
    assert listed(folder) == [(f"class{number}", str(number * 10)) for number in reversed(range(20))]
    replaced("alexnet_keras.data.check.check", report(21))
    largest, smallest = range(20, 15, -1), range(4, -1, -1)
    expected = [(f"class{number}", str(number * 10)) for number in largest]
    expected += [("...", ""), *((f"class{number}", str(number * 10)) for number in smallest)]
    assert listed(folder) == expected


def test_findings_follow_the_table_and_problems_decide_the_exit_code(folder, replaced):
    long = " ".join(["some classes are much larger than others"] * 4)
    calls = replaced("alexnet_keras.data.check.check", report(2, division="one of five parts", warnings=[long]))
    result = cli("data", "check", "--data", folder, "--jobs", 2)
    assert calls[0][0][1] == 2
    assert result.code == 0
    after = result.out.split("longer side", 1)[1].splitlines()[3:]
    assert after[0] == "Validation images: one of five parts."
    assert " ".join(map(str.strip, after[1:-1])) == f"Warning: {long}."
    assert all(line.startswith("  ") for line in after[2:-1])
    assert max(map(len, after)) <= WIDTH
    assert after[-1] == "No problem found."
    replaced("alexnet_keras.data.check.check", report(2, problems=["it is wrong", "it is empty"]))
    result = cli("data", "check", "--data", folder)
    assert result.code == 1
    assert result.out.endswith("Problem: it is wrong.\nProblem: it is empty.\n")
    assert cli("data", "check", "--data", folder, "--json").code == 1
