"""Words of the form `NAME=VALUE` become changes to an architecture or to a training configuration."""

import dataclasses

import pytest

from alexnet_keras.config.assignments import parse_changes, parse_settings
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.schedules import LayerRate, Linear, Plateau, Steps
from alexnet_keras.config.variants import ARCHITECTURES, architecture
from alexnet_keras.system.errors import OptionError


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["activation=tanh", "lrn_layers=1,2,3"], {"activation": "tanh", "lrn_layers": (1, 2, 3)}),
        (
            ["lrn_layers=none", "towers_meet=no", "dropout=0.3"],
            {"lrn_layers": (), "towers_meet": False, "dropout": 0.3},
        ),
        (["dropout_layers=pool5,fc6", "pool_size=2"], {"dropout_layers": ("pool5", "fc6"), "pool_size": 2}),
    ],
)
def test_changes_to_an_architecture(words, changes):
    assert parse_changes(words) == changes
    assert architecture("paper", **parse_changes(words)) == dataclasses.replace(ARCHITECTURES["paper"], **changes)


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["momentum=0.95", "label_smoothing=1e-1"], {"momentum": 0.95, "label_smoothing": 0.1}),
        (["steps_per_epoch=20", "epochs=3"], {"steps_per_epoch": 20, "epochs": 3}),
        (["steps_per_epoch=none", "pca_noise=none"], {"steps_per_epoch": None, "pca_noise": None}),
        (["deterministic=yes", "split=a[:80%],a=b:c"], {"deterministic": True, "split": "a[:80%],a=b:c"}),
        (["schedule=linear"], {"schedule": Linear()}),
        (["schedule=plateau:patience=3:reductions=2"], {"schedule": Plateau(patience=3, reductions=2)}),
        (["schedule=steps:boundaries=1,2.5"], {"schedule": Steps(boundaries=(1, 2.5))}),
        (["layer_rates=none"], {"layer_rates": ()}),
        (
            ["layer_rates=layer=conv1:epoch=2:rate=1e-5,layer=conv1:epoch=3:rate=0"],
            {"layer_rates": (LayerRate(layer="conv1", epoch=2, rate=1e-5), LayerRate(layer="conv1", epoch=3, rate=0))},
        ),
        ([], {}),
    ],
)
def test_changes_to_a_training_configuration(words, settings):
    assert parse_settings(words) == settings
    config = recipe("quickstart")
    assert dataclasses.replace(config, **parse_settings(words)) == dataclasses.replace(config, **settings)


@pytest.mark.parametrize(
    ("parse", "word", "message"),
    [
        (parse_changes, "tanh", "'tanh' is not an assignment; write NAME=VALUE."),
        (parse_changes, "depth=8", "There is no field 'depth'; choose from input_size, conv1_padding, "),
        (parse_changes, "name=mine", "There is no field 'name'; choose"),
        (parse_changes, "towers=two", "`towers` must be a whole number, got 'two'."),
        (parse_changes, "lrn_layers=1,b", "`lrn_layers` must be a whole number, got 'b'."),
        (parse_changes, "towers_meet=0", "`towers_meet` must be yes or no, got '0'."),
        (parse_settings, "momentum=high", "`momentum` must be a number, got 'high'."),
        (parse_settings, "epochs=none", "`epochs` must be a whole number, got 'none'."),
        (parse_settings, "step_per_epoch=3", "There is no field 'step_per_epoch'; did you mean 'steps_per_epoch'?"),
        (parse_settings, "recipe=mine", "There is no field 'recipe'; choose from data, "),
        (parse_settings, "architecture=owt", "There is no field 'architecture'"),
        (parse_settings, "schedule=line", "`schedule` must be one of cosine, plateau, steps, linear, got 'line'."),
        (parse_settings, "schedule=steps", "`schedule` lacks boundaries; append :NAME=VALUE for each."),
        (parse_settings, "schedule=linear:to=0", "There is no field 'to'; choose from none."),
        (parse_settings, "schedule=plateau:patience=0", "`schedule` patience must be 1 to 1,000,000, got 0"),
        (parse_settings, "schedule=plateau:3", "'3' is not an assignment"),
        (parse_settings, "layer_rates=layer=conv1", "`layer_rates` lacks epoch, rate; append"),
    ],
)
def test_words_that_are_refused(parse, word, message):
    with pytest.raises(OptionError, match=message):
        parse([word])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("momentum=1", "`momentum` must be in"),
        ("label_smoothing=1.5", "`label_smoothing` must"),
        ("seed=-1", "`seed` must"),
    ],
)
def test_ranges_are_checked_where_settings_are_applied(word, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(recipe("quickstart"), **parse_settings([word]))
