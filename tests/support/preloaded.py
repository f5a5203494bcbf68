"""What a training process imports and compiles before it computes; the server of `processes.py` has done so already."""

import numpy as np

import alexnet_keras.cli.main
import alexnet_keras.training.train  # noqa: F401
from alexnet_keras.data.compiled_resize import rescaled_crop

rescaled_crop(np.zeros((9, 9, 3), np.uint8), 8, np.zeros(2, np.int32), 8, False)  # by Numba, which takes a second
