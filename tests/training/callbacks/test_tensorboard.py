"""What TensorBoard finds in the event files."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support import largest_file

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system import file_list
from alexnet_keras.system.errors import RunError
from alexnet_keras.training.callbacks.tensorboard import TensorBoardLog
from alexnet_keras.training.checkpoints import Checkpoints, State

ROW = {
    "loss": 1.5,
    "top1_error": 0.25,
    "top5_error": 0.125,
    "learning_rate": 0.01,
    "images_per_second": 100.0,
    "validation_loss": 2.5,
    "validation_top1_error": 0.75,
    "validation_top5_error": 0.5,
}


def events(folder):
    """Tag -> (step, value) of every summary."""
    found = {}
    for path in folder.glob("events.*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                found[value.tag] = (event.step, tf.make_ndarray(value.tensor))
    return found


def test_scalars_and_filters(tiny, tmp_path):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    state = State(steps=1, history=[{name: str(value) for name, value in ROW.items()}])
    file_list.create(tmp_path)
    log = TensorBoardLog(Checkpoints(tmp_path, {}), state, model)
    log.on_epoch_end(3)
    train, validation = (events(tmp_path / "tensorboard" / name) for name in ("train", "validation"))
    (tmp_path / "tensorboard" / "train" / "notes.txt").touch()
    log.on_epoch_end(4)
    assert [Path(name).parts[:2] for name in sorted(file_list.read(tmp_path))] == [
        ("tensorboard", "train"),
        ("tensorboard", "validation"),
    ]
    for name in ("loss", "top1_error", "top5_error", "learning_rate", "images_per_second"):
        assert train[name] == (4, np.float32(ROW[name]))
    assert {name: value for name, (_, value) in validation.items()} == {
        "loss": 2.5,
        "top1_error": 0.75,
        "top5_error": 0.5,
    }
    step, (width, height, image) = train["conv1"]
    assert step == 4
    assert (int(width), int(height)) == (4 * 45 - 1, 2 * 45 - 1)  # 8 filters of 11 pixels, four times as large
    assert tf.io.decode_png(image).shape == (89, 179, 3)
    assert set(train) == {"loss", "top1_error", "top5_error", "learning_rate", "images_per_second", "conv1"}


def test_a_full_disk_stops_the_run(tiny, tmp_path):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    state = State(steps=1, history=[{name: str(value) for name, value in ROW.items()}])
    message = r"The files of epoch 4 cannot be written to .* \(File too large\), so the run stops"
    with largest_file(200), pytest.raises(RunError, match=message):
        TensorBoardLog(Checkpoints(tmp_path, {}), state, model).on_epoch_end(3)
