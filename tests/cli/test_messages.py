"""Messages of the library become messages of the command line."""

import click
import pytest

from alexnet_keras.cli.main import main
from alexnet_keras.cli.messages import in_options


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("`batch_size` is 0.", "--batch-size is 0."),
        ("Pass `resume=True` or another `run`.", "Pass --resume or another --run."),
        ("Pass `allow_missing=True`.", "Pass --allow-missing."),
        ("`upright=False` contradicts the run.", "--no-upright contradicts the run."),
        ("Choose `precision='float32'`.", "Choose --precision float32."),
        ("`recipe` fast is unknown.", "--recipe fast is unknown."),
        ("`momentum` must be in [0, 1), got 1.", "--set momentum must be in [0, 1), got 1."),
        ("Pass `layer_rates=none`.", "Pass --set layer_rates=none."),
        ("`lrn_size` must be odd, got 4.", "--change lrn_size must be odd, got 4."),
        ("Save `model.state_dict()` with `torch`.", "Save `model.state_dict()` with `torch`."),
        ("It has no `name`, batch_size or resume=True.", "It has no `name`, batch_size or resume=True."),
    ],
)
def test_arguments_become_options(message, expected):
    assert in_options(message, main) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["train"], "--set min_crop_area must be less than 1; --batch-size too."),
        (["benchmark", "input"], "--min-crop-area must be less than 1; --batch-size too."),
        (["predict"], "--min-crop-area must be less than 1; --batch-size too."),
    ],
)
def test_an_option_of_another_command_is_not_named_where_a_field_can_be_set(command, expected):
    assert in_options("`min_crop_area` must be less than 1; `batch_size` too.", main, command) == expected


def test_an_argument_is_known_by_the_name_of_its_option_and_of_its_parameter():
    @click.group()
    def program():
        pass

    @program.command()
    @click.option("-n", "--number", "count", type=int)
    def repeat(count):
        pass

    assert in_options("`count` and `number` are one.", program) == "--number and --number are one."
