"""Every error is caught as its kind, says its message, and keeps what its handler needs."""

from pathlib import Path

import pytest

from alexnet_keras.system import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError("Say this."),
        errors.TooLargeError("Say this.", Path("shards")),
        errors.AbsentError("Say this."),
        errors.UnwritableError("Say this.", "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_wrong_with_files_is_one_kind_with_its_message(error):
    with pytest.raises(errors.InputError, match=r"^Say this\.$"):
        raise error
    assert not isinstance(error, errors.OptionError | errors.RunError)


def test_a_set_that_is_too_large_knows_where_its_shards_would_be():
    assert errors.TooLargeError("Too large.", Path("shards")).prepared == Path("shards")


def test_a_full_disk_is_an_error_of_the_operating_system_with_its_reason():
    with pytest.raises(OSError, match=r"^The model cannot be written\.$") as caught:
        raise errors.UnwritableError("The model cannot be written.", "No space left on device")
    assert caught.value.strerror == "No space left on device"


def test_a_stopped_run_passes_through_handlers_of_exceptions():
    def handler():
        try:
            raise errors.Interrupted("Stopped.", 15)
        except Exception:
            return "handled"

    with pytest.raises(errors.Interrupted, match=r"^Stopped\.$") as caught:
        handler()
    assert caught.value.signal == 15


def test_a_condition_is_checked():
    errors.check(True, "Never said.")
    with pytest.raises(errors.OptionError, match=r"^`size` must be 1 or 2\.$"):
        errors.check(False, "`size` must be 1 or 2.")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("epoch", "did you mean 'epochs'?"), ("depth", "choose from epochs, width."), ("", "choose from epochs, width.")],
)
def test_an_unknown_name_has_a_remedy(name, remedy):
    assert errors.remedy_of_name(name, ["epochs", "width"]) == remedy
    assert errors.remedy_of_name(name, []) == "choose from none."
