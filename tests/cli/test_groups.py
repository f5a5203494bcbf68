"""Groups of commands."""

import pytest
from support import cli, only_error

from alexnet_keras.cli.main import SUMMARIES


@pytest.mark.parametrize(
    ("words", "name", "names"),
    [
        (["flatten"], "'flatten'", ", ".join(SUMMARIES)),
        (["weights", "imports"], "'imports'", "export, import"),
        (["data", "\x1b[2J"], r"'\x1b[2J'", "check, prepare"),
    ],
    ids=str,
)
def test_an_unknown_command_is_answered_with_those_that_exist(words, name, names):
    result = cli(*words)
    assert result.code == 2
    assert only_error(result) == f"Error: There is no command {name}; choose from {names}."


def test_an_unknown_option_of_a_group_is_no_unknown_command():
    assert only_error(cli("figures", "--nosuch")).startswith("Error: No such option")
