"""The model card of a run: its metadata, what it says, and whose file it is."""

import dataclasses

import pytest
import yaml
from support import ROOT

from alexnet_keras.inference.evaluation import Evaluation
from alexnet_keras.system import file_list
from alexnet_keras.training import model_card, run_folder
from alexnet_keras.training.run_folder import CARD

ORIGINS = {"hardware": "2 x EPYC, 8 GiB", "python": "3.11.9", "versions": {"keras": "3.15.1", "onnxruntime": None}}
ORIGINS |= {"commit": None, "time": "2026-11-26T12:00:00+0000"}
FOUND = Evaluation(0.125, 0.0, 2000)


@pytest.fixture
def begun(tmp_path):
    """A function that begins a run with another configuration and other classes, and writes its card."""

    def begin(name="my run", classes=("blue", "green", "red"), **changes):
        config, measured = run_folder.read_config(ROOT / "tests" / "fixtures" / "finished_run")
        run = tmp_path / name
        run.mkdir()
        run_folder.begin_list(run)
        config = dataclasses.replace(config, **{"data": "/home/ada/sets/colours", "upright": True, **changes})
        run_folder.write_config(run, config, dataclasses.replace(measured, class_names=classes))
        history = (ROOT / "tests" / "fixtures" / "finished_run" / "history.csv").read_text()
        (run / "history.csv").write_text(history)
        model_card.write(run, FOUND, ORIGINS)
        return run

    return begin


def metadata(run):
    first, front, _ = (run / CARD).read_text().split("---\n", 2)
    assert first == ""
    return yaml.safe_load(front)


def test_the_metadata_is_what_model_hubs_read(begun):
    assert metadata(begun()) == {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["alexnet", "image-classification"],
        "metrics": ["accuracy"],
        "model-index": [
            {
                "name": "my run",
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"type": "colours", "name": "colours", "split": "validation"},
                        "metrics": [{"type": "accuracy", "name": "Top-1 accuracy", "value": 0.875}],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("data", "name", "identifier", "listed"),
    [
        ("cifar10", "cifar10", "cifar10", ["cifar10"]),
        ("imagenet_resized/64x64:0.1.0", "imagenet_resized", "imagenet_resized", ["imagenet_resized"]),
        ("imagenet", "imagenet", "imagenet-1k", ["imagenet-1k"]),
        ("shapes", "shapes", "shapes", None),
        ('/data/a: "b"\n- \x1bé', 'a: "b"\\n- \\x1bé', "a-b", None),
        ("/data/日本", "日本", "data", None),
    ],
)
def test_every_name_is_quoted(data, name, identifier, listed, begun):
    values = metadata(begun(data=data, classes=tuple("abcdef")))
    assert values["model-index"][0]["results"][0]["dataset"] == {
        "type": identifier,
        "name": name,
        "split": "validation",
    }
    assert values.get("datasets") == listed
    metrics = values["model-index"][0]["results"][0]["metrics"]
    assert [metric["value"] for metric in metrics] == [0.875, 1.0]


def test_the_page_says_what_was_trained_without_a_path_of_the_machine(begun, tmp_path):
    run = begun(recipe="paper", classes=("a_b", "<c>"), manual_dir="/home/ada/m", data_dir="/home/ada/d", seed=7)
    page = (run / CARD).read_text()
    for text in (
        "into 2 classes: a\\_b, \\<c\\>.",
        "| top-1 val error | 12.50% | 11.12% to 14.02% |\n\n"
        "The errors are those of the central crop of each of 2,000 validation",
        "| network | variant tiny |",
        "| data | colours: 12 training and 9 validation images |",
        "random seed 7 |",
        "| hardware | 2 x EPYC, 8 GiB |",
        "| versions | Python 3.11.9, keras 3.15.1 |",
        "title = {{ImageNet} Classification with Deep Convolutional Neural Networks}",
    ):
        assert text in page
    assert "/home" not in page
    assert str(tmp_path) not in page
    assert page.count("```") == 4  # the network is no variant, so that no command repeats the training


def test_the_command_names_local_files_without_their_folders(begun, run):
    trained = run_folder.read_config(run)[0]
    weights = dataclasses.replace(trained, weights="/home/ada/caffe.npz", data="/home/ada/my colours")
    page = (
        begun(**{field.name: getattr(weights, field.name) for field in dataclasses.fields(weights)}) / CARD
    ).read_text()
    assert "\nalexnet-keras train --data 'my colours' --recipe quickstart " in page
    assert " --weights caffe.npz" in page
    assert "/home" not in page


def test_the_card_of_a_run_is_its_own_until_the_user_changes_it(begun):
    run = begun()
    assert CARD in run_folder.owned(run)
    model_card.write(run, dataclasses.replace(FOUND, top1_error=0.25), ORIGINS)
    assert "| top-1 val error | 25.00% |" in (run / CARD).read_text()

    changed = (run / CARD).read_text().replace("library_name", "license: mit\nlibrary_name")
    (run / CARD).write_text(changed)
    assert CARD not in run_folder.owned(run)
    model_card.write(run, FOUND, ORIGINS)
    model_card.remove(run)
    assert (run / CARD).read_text() == changed

    (run / CARD).unlink()
    model_card.write(run, FOUND, ORIGINS)
    assert file_list.is_sealed(run / CARD)
    model_card.remove(run)
    assert not (run / CARD).exists()


@pytest.mark.parametrize("listed", [True, False])
def test_a_page_of_the_user_is_left_alone(listed, begun, tmp_path):
    run = begun()
    model_card.remove(run)
    if not listed:
        (run / file_list.LIST).write_text("")
        sealed = file_list.seal("copied from another run")
    (run / CARD).write_text("mine" if listed else sealed)
    model_card.write(run, FOUND, ORIGINS)
    model_card.remove(run)
    assert (run / CARD).read_text() == ("mine" if listed else sealed)
    (run / CARD).unlink()
    (run / CARD).symlink_to(tmp_path / "nowhere")
    model_card.write(run, FOUND, ORIGINS)
    assert (run / CARD).is_symlink()
