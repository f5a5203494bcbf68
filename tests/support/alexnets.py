"""AlexNets in NumPy, in float64, written from the sources without Keras and without the package.

A network is a function of an image `(H, W, 3)`, whose mean is already subtracted, and of weights by layer (`conv1a` ->
kernel and bias, in the layout of Keras). It returns the output of every layer by name.
"""

import numpy as np


class Trace(dict):
    """The outputs of the layers, and the multiply-adds of those with weights."""

    def __init__(self, weights):
        super().__init__()
        self.weights, self.multiply_adds = weights, {}

    def conv(self, name, x, stride=1, pad=0):
        kernel, bias = self.weights[name]
        x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        size = kernel.shape[0]
        rows, columns = ((side - size) // stride + 1 for side in x.shape[:2])
        y = np.zeros((rows, columns, kernel.shape[3])) + bias
        for i in range(size):
            for j in range(size):
                window = x[i : i + stride * rows : stride, j : j + stride * columns : stride]
                y += np.einsum("hwc,cf->hwf", window, kernel[i, j])
        self.multiply_adds[name] = rows * columns * size * size * x.shape[2] * kernel.shape[3]
        return self.keep(name, y)

    def dense(self, name, x):
        kernel, bias = self.weights[name]
        self.multiply_adds[name] = len(x) * len(bias)
        return self.keep(name, x @ kernel + bias)

    def keep(self, name, y):
        self[name] = y
        return y


def relu(x):
    return np.maximum(x, 0)


def max_pool(x, size=3):
    rows, columns = ((side - size) // 2 + 1 for side in x.shape[:2])
    y = np.empty((rows, columns, x.shape[2]))
    for i in range(rows):
        for j in range(columns):
            y[i, j] = x[2 * i : 2 * i + size, 2 * j : 2 * j + size].max(axis=(0, 1))
    return y


def lrn(x, k, alpha, beta=0.75, n=5):
    """Normalize across channels; `alpha` is already divided by n where a network does so."""
    y = np.empty_like(x)
    for i in range(x.shape[2]):
        energy = (x[:, :, max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(axis=2)
        y[:, :, i] = x[:, :, i] / (k + alpha * energy) ** beta
    return y


def rnorm(x):
    """Normalize within each channel, over 5 x 5 positions."""
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            energy = (x[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3] ** 2).sum(axis=(0, 1))
            y[i, j] = x[i, j] / (1 + 0.001 / 25 * energy) ** 0.75
    return y


def halves(x):
    return np.split(x, 2, axis=2)


def both(trace, name, *arguments, **options):
    return [trace.conv(name + tower, *arguments, **options) for tower in "ab"]


def classify(trace, a, b, f=relu):
    """Compute fc6 to fc8 of two towers that are joined before each of them."""
    x = np.concatenate([a, b], axis=2).ravel()
    for name in ("fc6", "fc7"):
        x = np.concatenate([trace.keep(name + t, f(trace.dense(name + t, x))) for t in "ab"])
    logits = trace.dense("fc8", x)
    trace["predictions"] = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return trace


def rest(trace, x, f=relu, pool=3, norm=lambda x: x):
    """Compute conv3 to fc8 of the paper from all channels of layer 2."""
    a, b = (trace.keep(f"conv3{t}", f(trace.conv(f"conv3{t}", x, pad=1))) for t in "ab")
    a, b = (
        trace.keep(f"conv4{t}", f(trace.conv(f"conv4{t}", norm(y), pad=1))) for t, y in zip("ab", (a, b), strict=True)
    )
    a, b = (
        trace.keep(f"conv5{t}", f(trace.conv(f"conv5{t}", norm(y), pad=1))) for t, y in zip("ab", (a, b), strict=True)
    )
    a, b = (trace.keep(f"pool5{t}", max_pool(norm(y), pool)) for t, y in zip("ab", (a, b), strict=True))
    return classify(trace, a, b, f)


def paper(image, weights, f=relu, pool=3, norms=(1, 2)):
    trace, ends = Trace(weights), []

    def norm(number, x):
        return lrn(x, k=2, alpha=1e-4) if number in norms else x

    for t in "ab":
        x = trace.keep("conv1" + t, f(trace.conv("conv1" + t, image, stride=4)))
        x = trace.keep("pool1" + t, max_pool(norm(1, x), pool))
        x = trace.keep("conv2" + t, f(trace.conv("conv2" + t, x, pad=2)))
        ends.append(trace.keep("pool2" + t, max_pool(norm(2, x), pool)))
    return rest(trace, np.concatenate(ends, axis=2), f, pool, lambda x: norm(3, x))


def original(image, weights):
    """Compute layers-145.cfg. The last window of conv1 sees 3 pixels of zeros if the side is a multiple of 4."""
    trace, ends = Trace(weights), []
    image = np.pad(image, ((0, 3), (0, 3), (0, 0)))
    for t in "ab":
        x = trace.keep("norm1" + t, lrn(trace.conv("conv1" + t, image, stride=4), k=2, alpha=1e-4 / 5))
        x = trace.keep("relu1" + t, relu(trace.keep("pool1" + t, max_pool(x))))
        x = trace.keep("conv2" + t, relu(trace.conv("conv2" + t, x, pad=2)))
        x = trace.keep("norm2" + t, lrn(x, k=2, alpha=1e-4 / 5))
        x = trace.keep("spatialnorm2" + t, rnorm(x))
        ends.append(trace.keep("pool2" + t, max_pool(x)))
    return rest(trace, np.concatenate(ends, axis=2))


def caffe(image, weights, pool_first=False):
    """Compute Caffe's network: k is 1, alpha is divided by 5, and normalization spans both groups."""
    trace = Trace(weights)

    def norm_and_pool(number, x):
        for name in ("pool", "norm") if pool_first else ("norm", "pool"):
            x = max_pool(x) if name == "pool" else lrn(x, k=1, alpha=1e-4 / 5)
            if not pool_first:
                trace[f"{name}{number}"] = x
        return trace.keep(f"norm{number}", x) if pool_first else x

    x = np.concatenate([trace.keep("conv1" + t, relu(trace.conv("conv1" + t, image, stride=4))) for t in "ab"], axis=2)
    a, b = halves(norm_and_pool(1, x))
    a, b = (trace.keep("conv2" + t, relu(trace.conv("conv2" + t, y, pad=2))) for t, y in zip("ab", (a, b), strict=True))
    return rest(trace, norm_and_pool(2, np.concatenate([a, b], axis=2)))


def caffenet(image, weights):
    return caffe(image, weights, pool_first=True)


def single(image, weights, pad=0, norm=lambda x: x):
    """Compute a network of one tower."""
    trace = Trace(weights)
    x = trace.keep("conv1", relu(trace.conv("conv1", image, stride=4, pad=pad)))
    x = trace.keep("pool1", max_pool(norm(x)))
    x = trace.keep("conv2", relu(trace.conv("conv2", x, pad=2)))
    x = trace.keep("pool2", max_pool(norm(x)))
    for name in ("conv3", "conv4", "conv5"):
        x = trace.keep(name, relu(trace.conv(name, x, pad=1)))
    x = trace.keep("pool5", max_pool(x)).ravel()
    for name in ("fc6", "fc7"):
        x = trace.keep(name, relu(trace.dense(name, x)))
    logits = trace.dense("fc8", x)
    trace["predictions"] = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return trace


def one_tower(image, weights):
    return single(image, weights, norm=lambda x: lrn(x, k=2, alpha=1e-4))


def owt(image, weights):
    """Compute torchvision's network; conv1 drops the rows and columns that do not fill a window."""
    return single(image, weights, pad=2)


def batchnorm(image, weights):
    """Apply batch normalization with moving statistics between every sum and its ReLU."""
    trace = Trace(weights)

    def norm(name, tower, x):
        mean, variance = weights[f"batchnorm{name[-1]}{tower}"]
        x = trace.keep(f"batchnorm{name[-1]}{tower}", (x - mean) / np.sqrt(variance + 1e-5))
        return trace.keep(f"relu{name[-1]}{tower}", relu(x))

    def layer(name, inputs, **options):
        return [norm(name, t, trace.conv(name + t, x, **options)) for t, x in zip("ab", inputs, strict=True)]

    a, b = map(max_pool, layer("conv1", (image, image), stride=4))
    a, b = map(max_pool, layer("conv2", (a, b), pad=2))
    joined = np.concatenate([a, b], axis=2)
    a, b = layer("conv4", layer("conv3", (joined, joined), pad=1), pad=1)
    a, b = map(max_pool, layer("conv5", (a, b), pad=1))
    x = np.concatenate([a, b], axis=2).ravel()
    for name in ("fc6", "fc7"):
        x = np.concatenate([norm(name, t, trace.dense(name + t, x)) for t in "ab"])
    logits = trace.dense("fc8", x)
    trace["predictions"] = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return trace


def apart(image, weights):
    """Compute the paper's layers in two towers that meet only before fc8 (net 150 of the 2012 code, other widths)."""
    trace, ends = Trace(weights), []
    for t in "ab":
        x = trace.keep("conv1" + t, relu(trace.conv("conv1" + t, image, stride=4)))
        x = max_pool(lrn(x, k=2, alpha=1e-4))
        x = trace.keep("conv2" + t, relu(trace.conv("conv2" + t, x, pad=2)))
        x = max_pool(lrn(x, k=2, alpha=1e-4))
        for name in ("conv3", "conv4", "conv5"):
            x = trace.keep(name + t, relu(trace.conv(name + t, x, pad=1)))
        x = max_pool(x).ravel()
        for name in ("fc6", "fc7"):
            x = trace.keep(name + t, relu(trace.dense(name + t, x)))
        ends.append(x)
    trace.dense("fc8", np.concatenate(ends))
    return trace
