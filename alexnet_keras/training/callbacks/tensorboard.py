"""Write what TensorBoard shows of a run: scalars and the filters of the first layer."""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.model.mosaic import as_images, mosaic
from alexnet_keras.system import atomic_files, file_list
from alexnet_keras.training import run_folder
from alexnet_keras.training.checkpoints import Checkpoints, State, writing_epoch

ENLARGE = 4  # a filter of 11 x 11 becomes 44 x 44 pixels


class TensorBoardLog(keras.callbacks.Callback):
    """Write event files of each epoch; TensorBoard joins those of a resumed run.

    The subfolders `train` and `validation` have scalars of the same names, so that TensorBoard draws both into one
    diagram.
    """

    def __init__(self, checkpoints: Checkpoints, state: State, network: keras.Model) -> None:
        super().__init__()
        self.checkpoints, self.state, self.network = checkpoints, state, network
        self.run: Path | None = None  # the folder that has the event files

    def _open(self, run: Path) -> None:
        """Begin event files in the folder of a run; TensorFlow cannot write to them after their folder is renamed."""
        self.run = run
        folders = [run / run_folder.TENSORBOARD / name for name in ("train", "validation")]
        before = {file for folder in folders for file in folder.glob("*")}
        self.train, self.validation = (tf.summary.create_file_writer(str(folder)) for folder in folders)
        for file in {file for folder in folders for file in folder.glob("*")} - before:
            file_list.add(run, file, file)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        run = self.checkpoints.run
        with writing_epoch(epoch + 1, run), atomic_files.naming_full_disk(run / run_folder.TENSORBOARD):
            self._write(epoch, run)

    def _write(self, epoch: int, run: Path) -> None:
        if self.run != run:
            self._open(run)
        row = self.state.last_row()
        with self.train.as_default(epoch + 1):
            for name in ("loss", "top1_error", "top5_error", "learning_rate", "images_per_second"):
                tf.summary.scalar(name, row[name])
            kernels = [layer.kernel for layer in self.network.layers if split_tower(layer.name)[0] == "conv1"]
            images = as_images(np.concatenate([kernel.numpy() for kernel in kernels], axis=-1))
            images = images.repeat(ENLARGE, axis=1).repeat(ENLARGE, axis=2)
            grid = mosaic(images, columns=math.ceil(math.sqrt(1.5 * len(images))), background=0)
            tf.summary.image("conv1", grid[None])
        with self.validation.as_default(epoch + 1):
            for name in ("loss", "top1_error", "top5_error"):
                tf.summary.scalar(name, row[f"validation_{name}"])
        self.train.flush()
        self.validation.flush()
