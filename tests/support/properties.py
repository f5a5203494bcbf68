"""Tests of properties with drawn values: the same values in each call, and one short message for a refusal."""

from hypothesis import settings
from hypothesis import strategies as st

from alexnet_keras.system.errors import InputError, OptionError

LONGEST = 600  # characters of a message
repeatable = settings(max_examples=100, deadline=None, derandomize=True, database=None)
anything = st.characters(exclude_categories=())  # also halves of surrogate pairs, which stand for bytes of file names
texts = st.text(anything)


def unless_refused(make):
    """Return what a function makes, or `None` if it raises an expected error with a short message."""
    try:
        return make()
    except (InputError, OptionError) as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    assert len(message) < LONGEST
    return None
