"""What an AlexNet is made of, and the named variants. Standard library only."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from alexnet_keras.system.errors import check

LARGEST_INPUT = 1024  # pixels a side: fc6 of 4,096 units has 31 * 31 * 256 * 4,096 = 1.0e9 weights there, 4 GB
ORDERS = ("paper", "original", "caffenet")
POOLED = (1, 2, 5)  # section 3.5: pooling follows conv1, conv2 and conv5
BIASED = ("conv2", "conv4", "conv5", "fc6", "fc7")  # section 5: positive inputs for the ReLUs from the start
STDDEV = 0.01  # section 5


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """Initial weights of a fixed width, as everybody drew them in 2012 to 2014.

    Attributes:
        bias: in conv2, conv4, conv5, fc6 and fc7; the other biases begin at 0.
        stddevs: of the layers whose weights are not N(0, 0.01).
    """

    bias: float
    stddevs: Mapping[str, float] = field(default_factory=dict)


GAUSSIANS = {
    "paper": Gaussian(bias=1.0),
    "original": Gaussian(bias=1.0, stddevs={"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}),
    "caffe": Gaussian(bias=0.1, stddevs={"fc6": 0.005, "fc7": 0.005}),
    "caffenet": Gaussian(bias=1.0, stddevs={"fc6": 0.005, "fc7": 0.005}),
}
SCALED = ("he_normal", "glorot_uniform", "torchvision")  # by a layer's inputs: the signal keeps its size from the start
INITIALIZERS = (*GAUSSIANS, *SCALED)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What an AlexNet is made of.

    Attributes:
        name: the variant's name.
        input_size: side of the images that it was made for, in pixels.
        conv1_padding: zeros around the image, after its mean was subtracted.
        conv1_ceil: whether a last window that reaches over the right or lower edge counts, with zeros beyond it.
        towers: 1, or 2 as in the paper, where the halves meet only before conv3, fc6, fc7 and fc8.
        towers_meet: whether they meet before conv3, fc6 and fc7; fc8 always sees both.
        filters: maps of conv1 to conv5, both towers together.
        hidden_units: units of fc6 and fc7, both towers together.
        activation: `relu` or `tanh`.
        order: what follows a convolution. `paper`: activation, normalization, pooling. `caffenet`: activation, pooling,
            normalization. `original`: as `paper`, but normalization, pooling, activation in layer 1, and a second
            normalization, within each map, in layer 2.
        pool_size: side of the pooling windows, whose stride is 2: 3 overlaps (section 3.4), 2 does not.
        lrn_layers: numbers of the convolutions that local response normalization follows; `()` for none.
        lrn_across_towers: whether its window spans the maps of both towers.
        lrn_size, lrn_k, lrn_alpha, lrn_beta: constants of section 3.3.
        lrn_divide_alpha_by_size: whether alpha is divided by the window's size.
        batch_normalization: whether it precedes every activation, convolutions and fully connected layers alike.
        dropout: rate.
        dropout_layers: the layers whose outputs are dropped: of `pool5`, `fc6`, `fc7`.
        initializer: a name in `INITIALIZERS`. `paper`, `original`, `caffe` and `caffenet` are normal distributions of
            fixed widths, N(0, 0.01) in the paper, with which the signal shrinks from layer to layer: their authors
            waited for it to grow over epochs of 1.2 million images. The others keep its size, which small data sets
            need; for them, pixels are divided by 64.
    """

    name: str
    input_size: int = 227
    conv1_padding: int = 0
    conv1_ceil: bool = False
    towers: int = 2
    towers_meet: bool = True
    filters: tuple[int, ...] = (96, 256, 384, 384, 256)
    hidden_units: tuple[int, ...] = (4096, 4096)
    activation: str = "relu"
    order: str = "paper"
    pool_size: int = 3
    lrn_layers: tuple[int, ...] = (1, 2)
    lrn_across_towers: bool = False
    lrn_size: int = 5
    lrn_k: float = 2.0
    lrn_alpha: float = 1e-4
    lrn_beta: float = 0.75
    lrn_divide_alpha_by_size: bool = False
    batch_normalization: bool = False
    dropout: float = 0.5
    dropout_layers: tuple[str, ...] = ("fc6", "fc7")
    initializer: str = "paper"

    def __post_init__(self) -> None:
        check(self.towers in (1, 2), f"towers must be 1 or 2, got {self.towers!r}.")
        check(len(self.filters) == 5, f"filters must be five numbers, conv1 to conv5, got {self.filters}.")
        check(len(self.hidden_units) == 2, f"hidden_units must be two numbers, fc6 and fc7, got {self.hidden_units}.")
        for width in self.filters + self.hidden_units:
            check(
                width > 0 and width % self.towers == 0,
                f"Every width must be a positive multiple of towers={self.towers}, got {width}.",
            )
        check(self.conv1_padding >= 0, f"conv1_padding must not be negative, got {self.conv1_padding}.")
        for name, known in (("activation", ("relu", "tanh")), ("order", ORDERS), ("initializer", INITIALIZERS)):
            value = getattr(self, name)
            check(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}.")
        check(self.pool_size in (2, 3), f"pool_size must be 3, which overlaps, or 2, got {self.pool_size}.")
        known_layers = set(range(1, 6))
        check(set(self.lrn_layers) <= known_layers, f"lrn_layers must be of 1 to 5, got {self.lrn_layers}.")
        check(
            self.lrn_size >= 1 and self.lrn_size % 2 == 1,
            f"lrn_size must be an odd number of maps, such as 5, got {self.lrn_size}.",
        )
        for name, low in (("lrn_k", "positive"), ("lrn_beta", "positive"), ("lrn_alpha", "not negative")):
            value = getattr(self, name)
            allowed = value >= 0 if low == "not negative" else value > 0
            check(allowed and math.isfinite(value), f"{name} must be {low} and finite, got {value}.")
        check(0 <= self.dropout < 1, f"dropout must be in [0, 1), got {self.dropout}.")
        check(
            set(self.dropout_layers) <= {"pool5", "fc6", "fc7"},
            f"dropout_layers must be of pool5, fc6, fc7, got {self.dropout_layers}.",
        )
        check(
            self.towers_meet or not self.lrn_across_towers,
            "lrn_across_towers lets the towers meet, which towers_meet=False forbids; change one of them.",
        )
        smallest = self.smallest_input
        check(
            self.input_size >= smallest,
            f"input_size {self.input_size} is too small for AlexNet's strides and pools; the smallest that works is "
            f"{smallest}.",
        )
        check(
            self.input_size <= LARGEST_INPUT,
            f"input_size {self.input_size} is too large, fc6 would have billions of weights; the largest is "
            f"{LARGEST_INPUT}.",
        )

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """What follows each of the five convolutions, in order."""
        return tuple(self._stage(number) for number in range(1, 6))

    def _stage(self, number: int) -> tuple[str, ...]:
        steps = ["activation", "lrn", "pool"]
        if self.order == "caffenet":
            steps = ["activation", "pool", "lrn"]
        elif self.order == "original" and number == 1:
            steps = ["lrn", "pool", "activation"]
        if number not in POOLED:
            steps.remove("pool")
        if number not in self.lrn_layers:
            steps.remove("lrn")
        elif self.order == "original" and number == 2:
            steps.insert(steps.index("lrn") + 1, "spatial_lrn")
        if self.batch_normalization:
            steps.insert(steps.index("activation"), "batch_normalization")
        return tuple(steps)

    def conv1_zeros(self, side: int) -> tuple[int, int]:
        """Zeros before and after a side of the image."""
        missing = -(side + 2 * self.conv1_padding - 11) % 4 if self.conv1_ceil else 0
        return self.conv1_padding, self.conv1_padding + missing

    @property
    def smallest_input(self) -> int:
        """The smallest side of an image that leaves something to the last pooling layer."""
        return next(side for side in itertools.count(11) if self._last_side(side) > 0)

    def _last_side(self, side: int) -> int:
        side = (side + sum(self.conv1_zeros(side)) - 11) // 4 + 1
        for _ in POOLED:
            side = (side - self.pool_size) // 2 + 1 if side >= self.pool_size else 0
        return side
