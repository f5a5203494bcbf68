"""The progress of a run counts its images, and each epoch ends in one line."""

import dataclasses

import pytest

from alexnet_keras.config.recipes import recipe
from alexnet_keras.training.callbacks import progress_line
from alexnet_keras.training.callbacks.progress_line import ProgressLine
from alexnet_keras.training.checkpoints import State
from alexnet_keras.training.run_folder import COLUMNS


class Recorder:
    """Stands for the line of progress, and records what it is told."""

    def __init__(self, label, total, pauses):
        self.label, self.total, self.pauses, self.advances, self.closed = label, total, pauses, [], False

    def advance(self, images, note):
        self.advances.append((images, note))

    def close(self):
        self.closed = True


def epochs(number, **changes):
    return dataclasses.replace(recipe("quickstart"), epochs=number, **changes)


@pytest.fixture(autouse=True)
def recorders(monkeypatch):
    monkeypatch.setattr(progress_line, "Progress", Recorder)


@pytest.mark.parametrize(("rate", "seconds", "pauses"), [("50", "3", 1.5), ("50", "1.99", 1.0)])
def test_the_time_left_includes_what_follows_the_training_of_an_epoch(rate, seconds, pauses):
    """100 images at 50 images per second are two seconds of training."""
    row = {**dict.fromkeys(COLUMNS, "1"), "images_per_second": rate, "seconds": seconds}
    assert ProgressLine(State(steps=3), epochs(4), images_per_epoch=100).progress.pauses == 1
    line = ProgressLine(State(epoch=1, steps=3, history=[row]), epochs(4), images_per_epoch=100)
    assert line.progress.pauses == pauses


def test_the_time_left_includes_that_later_images_are_larger():
    """An image of 200 pixels has four times the area of one of 100: (1 + 1 + 4 + 4) / 4 = 2.5."""
    config = epochs(4, input_size=200, small_input_size=100, small_fraction=0.5)
    line = ProgressLine(State(steps=3), config, images_per_epoch=100)
    assert line.progress.pauses == 2.5
    line.on_epoch_begin(2)
    assert line.progress.pauses == 1


def test_images_are_counted_from_where_the_run_is_to_its_end():
    """An epoch has 100 images in three steps, of which the last is smaller."""
    state = State(epoch=1, step=1, steps=3)
    line = ProgressLine(state, epochs(4), images_per_epoch=100)
    assert (line.progress.label, line.progress.total) == ("Epoch 2/4, rest of the run", 400 - 133)
    for step in (2, 3):
        state.step = step
        line.on_train_batch_end(step - 2, {"loss": 1.23456, "accuracy": 0.75})
    note = "loss 1.235  error 25.0%"
    assert line.progress.advances == [(33, note), (34, note)]
    assert not line.progress.closed
    first = line.progress
    line.on_test_end()
    assert first.closed
    state.end_epoch()
    line.on_epoch_begin(2)
    assert (line.progress.label, line.progress.total) == ("Epoch 3/4, rest of the run", 200)


@pytest.mark.parametrize(("best_epoch", "end"), [(3, "  65 s  best"), (2, "  65 s")])
def test_the_line_of_an_epoch_has_its_numbers_and_says_if_it_is_the_best(best_epoch, end, capsys):
    values = ("3", "0.01", "1.5", "0.5", "0.25", "1.75", "0.625", "0.125", "812.6", "64.9")
    state = State(epoch=2, steps=3, history=[dict(zip(COLUMNS, values, strict=True))], best_epoch=best_epoch)
    ProgressLine(state, epochs(10), images_per_epoch=100).on_epoch_end(2)
    line = "Epoch 3/10  loss 1.500  error 50.0%  val loss 1.750  val error 62.5%  813 images/s"
    assert capsys.readouterr().err == f"{line}{end}\n"
