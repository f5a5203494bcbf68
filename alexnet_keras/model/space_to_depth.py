"""The first convolution (conv1), computed faster by space-to-depth."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="alexnet_keras")
class SpaceToDepthConv2D(keras.layers.Conv2D):
    """A strided convolution of few input channels, computed as a convolution of more channels with a stride of 1.

    Blocks of `stride` x `stride` pixels become channels, and the kernel is cut into the same blocks: conv1, 11 x 11 x 3
    at a stride of 4, becomes 3 x 3 x 48 at a stride of 1. Zeros pad the kernel to a multiple of the stride, from 11 to
    12, so it needs (12 / 11) ** 2 = 1.19 times as many multiply-adds. It is still faster, because 3 channels leave most
    of a vector register empty.

    Arguments, weights and outputs are those of `keras.layers.Conv2D`, restricted to equal strides, padding `"valid"`,
    channels last, no dilation and no groups.

    Raises:
        ValueError: an argument is outside these restrictions.
    """

    def __init__(self, filters: int, kernel_size: Any, strides: Any = 1, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, strides=strides, **kwargs)
        unsupported = {
            "strides": self.strides[0] != self.strides[1] and self.strides,
            "padding": self.padding != "valid" and self.padding,
            "dilation_rate": self.dilation_rate != (1, 1) and self.dilation_rate,
            "groups": self.groups != 1 and self.groups,
            "data_format": self.data_format != "channels_last" and self.data_format,
        }
        for name, value in unsupported.items():
            if value:
                raise ValueError(f"{type(self).__name__} cannot compute {name}={value!r}; use keras.layers.Conv2D.")

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        stride = self.strides[0]
        _, height, width, channels = inputs.shape
        if height is None or width is None:  # the blocks of an image of unknown size cannot be counted
            return super().convolution_op(inputs, kernel)
        # The rows and columns that the last window reads, with zeros up to complete blocks.
        blocks = [-(-size // stride) for size in self.kernel_size]
        steps = [(side - size) // stride for side, size in zip((height, width), self.kernel_size, strict=True)]
        sides = [stride * (step + block) for step, block in zip(steps, blocks, strict=True)]
        images = inputs[:, : sides[0], : sides[1]]
        images = ops.pad(images, [[0, 0], [0, max(0, sides[0] - height)], [0, max(0, sides[1] - width)], [0, 0]])
        images = _to_depth(images, stride)
        rows, columns = (stride * block - size for block, size in zip(blocks, self.kernel_size, strict=True))
        kernel = ops.pad(kernel, [[0, rows], [0, columns], [0, 0], [0, 0]])
        kernel = ops.reshape(kernel, (blocks[0], stride, blocks[1], stride, channels, self.filters))
        kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
        kernel = ops.reshape(kernel, (*blocks, stride * stride * channels, self.filters))
        return ops.conv(images, kernel, strides=1, padding="valid", data_format="channels_last")


def _to_depth(images: Any, block: int) -> Any:
    """Reshape `(B, H, W, C)` to `(B, H / block, W / block, block * block * C)`."""
    _, height, width, channels = images.shape
    rows, columns = height // block, width // block
    images = ops.reshape(images, (-1, rows, block, columns, block * channels))  # the pixels of a row are adjacent
    images = ops.transpose(images, (0, 1, 3, 2, 4))
    return ops.reshape(images, (-1, rows, columns, block * block * channels))
