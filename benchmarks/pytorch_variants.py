"""Compare each variant with the same network and weights in PyTorch (`groups=2`, `torch.nn.LocalResponseNorm`).

    python3 -m pip install torch==2.13.0 && python3 benchmarks/pytorch_variants.py

The script prints the largest difference of each variant over all its layers, as a fraction of the layer's largest
activation. Both compute in float32. Random weights keep activations at tens, where normalization matters.
"""

import argparse
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.alexnet import AlexNet


class SpatialNorm(nn.Module):
    """Normalization within a channel: 0.001 / 25 times a sum over 5 x 5 pixels is 0.001 times their average."""

    def forward(self, x):
        return x / (1 + 0.001 * functional.avg_pool2d(x * x, 5, stride=1, padding=2)) ** 0.75


def conv(inputs, outputs, size, groups=1, **options):
    return nn.Conv2d(inputs, outputs, size, groups=groups, **options)


def caffe_norm():
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)  # PyTorch divides alpha by the size, as Caffe does


class PerTower(nn.Module):
    """Local response normalization within each of two towers."""

    def __init__(self, **constants):
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, beta=0.75, k=2, **constants)

    def forward(self, x):
        return torch.cat([self.norm(half) for half in x.chunk(2, dim=1)], dim=1)


def network(name):
    """Return the convolutional part: a pair (layer of this package, PyTorch module) for every compared output."""
    relu, pool = nn.ReLU, lambda: nn.MaxPool2d(3, 2)
    groups = 1 if name in ("one_tower", "owt") else 2
    filters = (64, 192, 384, 256, 256) if name == "owt" else (96, 256, 384, 384, 256)
    convs = {
        1: conv(3, filters[0], 11, stride=4, padding=2 if name == "owt" else 0),
        2: conv(filters[0], filters[1], 5, groups=groups, padding=2),
        3: conv(filters[1], filters[2], 3, padding=1),
        4: conv(filters[2], filters[3], 3, groups=groups, padding=1),
        5: conv(filters[3], filters[4], 3, groups=groups, padding=1),
    }
    if name == "batchnorm":
        rest = {number: nn.BatchNorm2d(count, eps=1e-5, affine=False) for number, count in enumerate(filters, 1)}
        stages = []
        for number in range(1, 6):
            stages += [
                (f"conv{number}", convs[number]),
                (f"batchnorm{number}", rest[number]),
                (f"relu{number}", relu()),
            ]
            stages += [(f"pool{number}", pool())] if number in (1, 2, 5) else []
        return stages
    tail = [
        ("conv3", nn.Sequential(convs[3], relu())),
        ("conv4", nn.Sequential(convs[4], relu())),
        ("conv5", nn.Sequential(convs[5], relu())),
        ("pool5", pool()),
    ]
    first, second = nn.Sequential(convs[1], relu()), nn.Sequential(convs[2], relu())
    if name == "original":
        norm = [PerTower(alpha=1e-4), PerTower(alpha=1e-4)]
        padded = nn.Sequential(nn.ZeroPad2d((0, 3, 0, 3)), convs[1])
        head = [("conv1", padded), ("norm1", norm[0]), ("pool1", pool()), ("relu1", relu())]
        head += [("conv2", second), ("norm2", norm[1]), ("spatialnorm2", SpatialNorm()), ("pool2", pool())]
    elif name == "caffenet":
        head = [("conv1", first), ("pool1", pool()), ("norm1", caffe_norm())]
        head += [("conv2", second), ("pool2", pool()), ("norm2", caffe_norm())]
    elif name == "owt":
        head = [("conv1", first), ("pool1", pool()), ("conv2", second), ("pool2", pool())]
    else:
        norm = {
            "paper": lambda: PerTower(alpha=5e-4),  # the paper does not divide: 5 times alpha, divided by 5
            "one_tower": lambda: nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),
            "caffe": caffe_norm,
        }[name]
        head = [("conv1", first), ("norm1", norm()), ("pool1", pool())]
        head += [("conv2", second), ("norm2", norm()), ("pool2", pool())]
    return head + tail


def ours(model, name):
    """Return a layer, or the layers of both towers."""
    return [layer for layer in model.layers if layer.name in (name, f"{name}a", f"{name}b")]


def randomize(model):
    random = np.random.RandomState(0)
    for layer in (layer for layer in model.layers if layer.weights):
        first, second = (tuple(weight.shape) for weight in layer.weights)
        if layer.name.startswith("batchnorm"):
            layer.set_weights([random.normal(0, 1, first), random.uniform(0.5, 2, second)])
        else:
            width = np.sqrt(2 / np.prod(first[:-1])) * (2 if layer.name.startswith("conv") else 1)
            layer.set_weights([random.normal(0, width, first), random.normal(0, 1, second)])


def copy(module, layers):
    """Copy the weights of the towers into a grouped layer of PyTorch."""
    first, second = (np.concatenate([layer.get_weights()[part] for layer in layers], axis=-1) for part in (0, 1))
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.running_mean.copy_(torch.tensor(first))
        module.running_var.copy_(torch.tensor(second))
        return
    module.weight.copy_(torch.tensor(np.transpose(first, (3, 2, 0, 1) if first.ndim == 4 else (1, 0))))
    module.bias.copy_(torch.tensor(second))


@torch.no_grad()
def difference(name):
    """Return the largest difference of a variant, as a fraction of the layer's largest activation, and the layer."""
    model = AlexNet(name, mean=(120, 110, 100), classifier_activation=None)
    randomize(model)
    images = np.random.RandomState(1).randint(0, 256, (2, *model.input_shape[1:]), dtype=np.uint8)
    names = [layer.name for layer in model.layers]
    outputs = dict(zip(names, keras.Model(model.input, [layer.output for layer in model.layers])(images), strict=True))
    stddev = model.get_layer("mean").stddev
    x = torch.tensor((images - np.float32([120, 110, 100])) / np.float32(stddev)).permute(0, 3, 1, 2)
    found = []

    def compare(layer, value):
        theirs = value.permute(0, 2, 3, 1).numpy() if value.ndim == 4 else value.numpy()
        mine = np.concatenate([outputs[ours_.name] for ours_ in ours(model, layer)], axis=-1)
        found.append((float(np.abs(mine - theirs).max() / np.abs(theirs).max()), layer))

    for layer, module in network(name):
        module.eval()
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.BatchNorm2d):
                copy(part, ours(model, layer))
        x = module(x)
        compare(layer, x)
    x = x.permute(0, 2, 3, 1).flatten(1)  # channels last, as in this package
    for layer in ("fc6", "fc7", "fc8"):
        layers = ours(model, layer)
        dense = nn.Linear(x.shape[1], sum(part.units for part in layers))
        copy(dense, layers)
        x = dense(x)
        if layer != "fc8" and name == "batchnorm":
            compare(layer, x)
            norm = nn.BatchNorm1d(x.shape[1], eps=1e-5, affine=False).eval()
            copy(norm, ours(model, f"batchnorm{layer[-1]}"))
            x = norm(x)
            compare(f"batchnorm{layer[-1]}", x)
        if layer != "fc8":
            x = x.relu()
        compare(f"relu{layer[-1]}" if layer != "fc8" and name == "batchnorm" else layer, x)
    return max(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {name: difference(name) for name in ARCHITECTURES}
    if arguments.json:
        print(json.dumps({name: {"difference": value, "layer": layer} for name, (value, layer) in found.items()}))
        return
    for name, (value, layer) in found.items():
        print(f"{name:12}{value:.1e}  in {layer}")


if __name__ == "__main__":
    main()
