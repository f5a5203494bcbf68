"""The experiments compare networks that differ only in what they compare."""

import dataclasses
import math
import re

import pytest

from alexnet_keras.config.experiments import EXPERIMENTS, experiment
from alexnet_keras.system.errors import OptionError

ROWS = [(name, row.name) for name, found in EXPERIMENTS.items() for row in found.rows]


def found_row(name, row):
    (found,) = [each for each in experiment(name).rows if each.name == row]
    return found


def differences(first, second) -> dict[str, object]:
    """The values of the second configuration that the first has otherwise, except learning rates; networks by field."""
    one, two = ({**vars(config), **vars(config.architecture)} for config in (first, second))
    ignored = {"architecture", "learning_rate"}
    return {name: two[name] for name in one if name not in ignored and one[name] != two[name]}


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_the_candidates_of_a_row_differ_in_their_learning_rates_alone(name, row):
    candidates = found_row(name, row).candidates
    assert len({dataclasses.replace(candidate, learning_rate=1.0) for candidate in candidates}) == 1
    assert {candidate.data for candidate in candidates} == {experiment(name).data}


@pytest.mark.parametrize(
    ("row", "change"),
    [
        ("without LRN", {"lrn_layers": ()}),
        ("without overlapping pooling", {"pool_size": 2}),
        ("without dropout", {"dropout": 0.0}),
        ("towers never meet", {"towers_meet": False}),
        ("one tower", {"towers": 1}),
        ("tanh", {"activation": "tanh"}),
        ("without augmentation", {"augment": False}),
        ("with PCA noise", {"pca_noise": "paper"}),
        ("the paper's initial weights", {"initializer": "paper"}),
    ],
)
def test_an_ablation_changes_one_part_of_the_network_or_of_its_training(row, change):
    whole = experiment("ablations").rows[0].candidates[0]
    assert differences(whole, found_row("ablations", row).candidates[0]) == change


def test_figure_1_compares_two_activations_up_to_a_training_error_without_regularization():
    figure = experiment("figure-1")
    relu, tanh = (row.candidates[0] for row in figure.rows)
    assert differences(relu, tanh) == {"activation": "tanh"}
    assert (figure.data, figure.target, figure.published_ratio) == ("cifar10", 0.25, 6.0)
    assert (relu.weight_decay, relu.architecture.dropout, relu.architecture.lrn_layers) == (0.0, 0.0, ())
    assert not relu.augment


def test_titles_and_protocols_name_no_data_set_because_another_one_can_be_given():
    for found in EXPERIMENTS.values():
        assert not re.search("CIFAR-10|10,000|Imagenette", f"{found.title} {found.protocol}")
        assert re.search("CIFAR-10|ILSVRC-2012", found.published)


def test_the_runs_of_the_small_network_name_their_experiment_as_their_recipe():
    recipes = {name: found.rows[0].candidates[0].recipe for name, found in EXPERIMENTS.items()}
    assert recipes == {"figure-1": "figure-1", "cifar-18": "cifar-18", "ablations": "quickstart"}


def test_an_unknown_experiment_is_named():
    with pytest.raises(
        OptionError, match="There is no experiment 'figure-2'; choose from figure-1, cifar-18, ablations"
    ):
        experiment("figure-2")


def test_every_experiment_can_be_trained():
    for found in EXPERIMENTS.values():
        names = [row.name for row in found.rows]
        assert len(set(names)) == len(names)
        for row in found.rows:
            rates = [candidate.learning_rate for candidate in row.candidates]
            assert len(set(rates)) == len(rates) > 0
            assert {candidate.epochs for candidate in row.candidates} == {row.candidates[0].epochs}
            assert all(math.isfinite(rate) for rate in rates)
    configurations = [row.candidates[0] for row in EXPERIMENTS["ablations"].rows]
    assert len(set(configurations)) == 10
    assert EXPERIMENTS["cifar-18"].rows[0].candidates[0].classifier_weight_decay == 1
