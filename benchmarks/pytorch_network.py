"""The network of the paper in PyTorch, with grouped convolutions and PyTorch's local response normalization."""


def network(classes):
    from torch import nn

    def conv(inputs, outputs, size, groups=1, **options):
        return [nn.Conv2d(inputs, outputs, size, groups=groups, **options), nn.ReLU(inplace=True)]

    norm = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}  # PyTorch divides alpha by the size: 1e-4 as in the paper
    return nn.Sequential(
        *conv(3, 96, 11, stride=4),
        nn.LocalResponseNorm(**norm),
        nn.MaxPool2d(3, 2),
        *conv(96, 256, 5, groups=2, padding=2),
        nn.LocalResponseNorm(**norm),
        nn.MaxPool2d(3, 2),
        *conv(256, 384, 3, padding=1),
        *conv(384, 384, 3, groups=2, padding=1),
        *conv(384, 256, 3, groups=2, padding=1),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, classes),
    )
