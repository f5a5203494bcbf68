"""Recipes are whole, hold what their sources say, and change only where they are asked to."""

import dataclasses
import inspect
import re

import pytest

from alexnet_keras.config import recipes
from alexnet_keras.config.recipes import RECIPES, recipe, with_network
from alexnet_keras.config.schedules import LayerRate, Linear, Plateau, Steps
from alexnet_keras.config.variants import ARCHITECTURES, architecture
from alexnet_keras.system.errors import OptionError

PUBLISHED = ("original", "paper", "caffe", "owt", "batchnorm")
IMAGES = 1_281_167


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_named_and_says_what_was_measured(name):
    config = recipe(name)
    assert config.recipe == name
    text = " ".join(inspect.getdoc(getattr(recipes, name)).split())
    assert "Measured here" in text
    assert ("Published" in text) == (name in PUBLISHED)


@pytest.mark.parametrize("name", RECIPES)
def test_every_number_of_a_recipe_has_its_source_beside_it(name):
    source = inspect.getsource(getattr(recipes, name)).split('"""')[-1]
    numbers = [line for line in source.splitlines() if re.match(r"\s+[\w=(]+.*[=(]-?\d", line)]
    assert len(numbers) >= 3
    assert [line for line in numbers if "  # " not in line] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_is_for_its_network_on_imagenet(name):
    config = recipe(name)
    assert config.architecture == ARCHITECTURES[name]
    assert config.input_size == config.architecture.input_size
    assert config.data == "imagenet"


def test_what_the_sources_say():
    found = {
        name: (config.batch_size, config.epochs, config.learning_rate, config.momentum, config.weight_decay)
        for name, config in ((name, recipe(name)) for name in PUBLISHED)
    }
    assert found == {
        "original": (128, 91, 0.01, 0.9, 5e-4),
        "paper": (128, 90, 0.01, 0.9, 5e-4),
        "caffe": (256, round(450_000 * 256 / IMAGES), 0.01, 0.9, 5e-4),
        "owt": (256, 90, 0.01, 0.9, 1e-4),
        "batchnorm": (256, round(320_000 * 256 / IMAGES), 0.05, 0.9, 5e-4),
    }
    assert recipe("paper").schedule == Plateau(divide_by=10, reductions=3)
    assert recipe("original").schedule == Steps(boundaries=(25, 51, 79), divide_by=10)
    assert recipe("caffe").schedule == Steps(
        boundaries=tuple(float(round(step * 256 / IMAGES)) for step in range(100_000, 450_000, 100_000)), divide_by=10
    )
    assert recipe("owt").schedule == Steps(boundaries=(30, 60), divide_by=10)
    assert recipe("batchnorm").schedule == Linear()
    multipliers = {name: recipe(name).bias_learning_rate_multiplier for name in PUBLISHED}
    assert multipliers == {"original": 2, "paper": 1, "caffe": 2, "owt": 1, "batchnorm": 2}
    assert {name: recipe(name).pca_noise for name in PUBLISHED if recipe(name).pca_noise} == {
        "original": "original",
        "paper": "paper",
    }


def test_events_of_the_original():
    config = recipe("original")
    conv1 = [LayerRate(epoch=67, layer="conv1", rate=1e-5), LayerRate(epoch=72, layer="conv1", rate=0)]
    assert list(config.layer_rates) == conv1
    assert config.pca_noise_epochs == 67
    assert not config.biases_follow_schedule


def test_another_length_moves_what_happens_on_the_way():
    config = recipe("original", epochs=182)
    assert config.epochs == 182
    assert config.schedule.boundaries == (50, 102, 158)
    assert [rate.epoch for rate in config.layer_rates] == [134, 144]
    assert config.pca_noise_epochs == 134
    assert recipe("quickstart", epochs=3) == dataclasses.replace(recipe("quickstart"), epochs=3)


def test_another_network_keeps_what_the_recipe_chose():
    small = with_network(recipe("quickstart"), "original", activation="tanh")
    assert small.architecture == dataclasses.replace(
        ARCHITECTURES["original"], initializer="he_normal", activation="tanh"
    )
    assert small.input_size == 224
    thin = with_network(recipe("small"), "owt").architecture
    assert thin == architecture("owt", initializer="he_normal", width=0.25)
    assert with_network(recipe("paper"), "caffe").architecture == ARCHITECTURES["caffe"]
    assert with_network(recipe("fast"), "owt").architecture.initializer == "he_normal"
    assert with_network(recipe("fast"), "batchnorm").architecture.initializer == "paper"
    only = with_network(recipe("paper"), None, lrn_layers=())
    assert only.architecture == dataclasses.replace(ARCHITECTURES["paper"], lrn_layers=())
    with pytest.raises(OptionError, match="`variant` 'vgg' is unknown"):
        with_network(recipe("paper"), "vgg")


def test_an_unknown_recipe_is_named():
    with pytest.raises(
        OptionError, match="`recipe` 'slow' is unknown; choose from quickstart, fast, small, original, paper, caffe"
    ):
        recipe("slow")
