"""The architecture of an AlexNet as data."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from alexnet_keras.config.layer_names import HIDDEN_LAYERS
from alexnet_keras.config.ranges import Factor, Fraction, OneOf, Positive, Range, check_fields
from alexnet_keras.system.errors import check
from alexnet_keras.system.terminal_text import brief

LARGEST_LAYER = 1.1e9  # weights, 4 GB: the fc6 of the paper at the largest input has 31 * 31 * 256 * 4,096 = 1.0e9
LARGEST_INPUT = 1_024  # pixels a side
ORDERS = ("paper", "original", "caffenet")
POOLED = (1, 2, 5)  # section 3.5: pooling follows conv1, conv2 and conv5
SMALL = 3  # convolutions of the small network, each with a pooling
BIASED = ("conv2", "conv4", "conv5", *HIDDEN_LAYERS)  # section 5: positive inputs for the ReLUs from the start
STDDEV = 0.01  # section 5


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """Initial weights from normal distributions with fixed standard deviations, as was usual from 2012 to 2014.

    Attributes:
        bias: the initial bias of conv2, conv4, conv5, fc6 and fc7; the other biases start at 0.
        stddevs: the standard deviations of the layers whose weights are not N(0, 0.01).
    """

    bias: float
    stddevs: Mapping[str, float] = field(default_factory=dict)


GAUSSIANS = {
    "paper": Gaussian(bias=1.0),
    "original": Gaussian(bias=1.0, stddevs={"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}),
    "caffe": Gaussian(bias=0.1, stddevs=dict.fromkeys(HIDDEN_LAYERS, 0.005)),
    "caffenet": Gaussian(bias=1.0, stddevs=dict.fromkeys(HIDDEN_LAYERS, 0.005)),
    "cifar": Gaussian(bias=0.0, stddevs={"conv1": 0.0001}),  # layers-18pct.cfg
}
SCALED = ("he_normal", "glorot_uniform", "torchvision")  # scaled by a layer's inputs: activations keep their size
INITIALIZERS = (*GAUSSIANS, *SCALED)
Filters = Annotated[int, Range(1, 2_048)]
Units = Annotated[int, Range(1, 16_384)]
Width = Annotated[float, Range(0.05, 2)]
MULTIPLE = 8  # four channels in each of two towers, and full vectors of a processor


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The architecture of an AlexNet.

    Attributes:
        name: the name of the variant.
        input_size: side of the images that the network was designed for, in pixels.
        conv1_padding: zeros around the image, added after the mean was subtracted.
        conv1_ceil: whether the output size of conv1 is rounded up: the last window may extend beyond the right or
            lower edge, where the input is zero.
        towers: 1, or 2 as in the paper (section 3.2).
        towers_meet: whether conv3, fc6 and fc7 see both towers; fc8 always does.
        width: the factor of `filters` and `hidden_units`. If it is not 1, each product is rounded to the nearest
            multiple of 8, upwards from the middle, and is at least 8.
        filters: channels of conv1 to conv5 at a width of 1, both towers together. Three numbers instead
            of five make the small network of the 2012 code (`layers-18pct.cfg`): three convolutions of 5 x 5, each with
            a pooling, then the classifier.
        hidden_units: units of fc6 and fc7 at a width of 1, both towers together; `()` in the small network.
        activation: `relu` or `tanh`.
        order: the steps after a convolution. `paper`: activation, normalization, pooling. `caffenet`: activation,
            pooling, normalization. `original`: as `paper`, but normalization, pooling, activation in layer 1, and a
            second normalization, within each channel, in layer 2.
        pool_size: side of the pooling windows, whose stride is 2: 3 overlaps (section 3.4), 2 does not.
        lrn_layers: numbers of the convolutions that local response normalization follows; `()` for none.
        lrn_across_towers: whether its window spans the channels of both towers.
        lrn_size, lrn_k, lrn_alpha, lrn_beta: the constants of section 3.3.
        lrn_divide_alpha_by_size: whether alpha is divided by the size of the window.
        batch_normalization: whether it precedes every activation, in convolutions and fully connected layers.
        dropout: the fraction of the outputs that is dropped.
        dropout_layers: the layers whose outputs are dropped, among `pool5`, `fc6` and `fc7`.
        initializer: a name in `INITIALIZERS`. With those in `GAUSSIANS`, the activations get smaller from layer to
            layer unless batches are normalized, so training needs epochs of 1.2 million images before it makes
            progress. The other initializers keep the size of the activations, which small data sets need.
        pixel_stddev: what the pixels are divided by after the mean was subtracted; `None` for 64 with the initializers
            in `SCALED`, and for 1 with the others.
    """

    name: str
    input_size: Annotated[int, Range(11, LARGEST_INPUT)] = 227
    conv1_padding: Annotated[int, Range(0, 10)] = 0  # a window of 11 would see nothing but zeros
    conv1_ceil: bool = False
    towers: Annotated[int, Range(1, 2)] = 2
    towers_meet: bool = True
    width: Width = 1.0
    filters: tuple[Filters, ...] = (96, 256, 384, 384, 256)
    hidden_units: tuple[Units, ...] = (4096, 4096)
    activation: Annotated[str, OneOf(("relu", "tanh"))] = "relu"
    order: Annotated[str, OneOf(ORDERS)] = "paper"
    pool_size: Annotated[int, Range(2, 3)] = 3
    lrn_layers: tuple[Annotated[int, Range(1, 5)], ...] = (1, 2)
    lrn_across_towers: bool = False
    lrn_size: Annotated[int, Range(1, 999)] = 5
    lrn_k: Positive = 2.0
    lrn_alpha: Factor = 1e-4
    lrn_beta: Positive = 0.75
    lrn_divide_alpha_by_size: bool = False
    batch_normalization: bool = False
    dropout: Fraction = 0.5
    dropout_layers: tuple[Annotated[str, OneOf(("pool5", *HIDDEN_LAYERS))], ...] = HIDDEN_LAYERS
    initializer: Annotated[str, OneOf(INITIALIZERS)] = "paper"
    pixel_stddev: Positive | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check(
            len(self.filters) in (5, SMALL),
            f"`filters` must be five numbers, for conv1 to conv5 (or three), got {brief(self.filters)}.",
        )
        check(
            self.small or len(self.hidden_units) == 2,
            f"`hidden_units` must be two numbers, for fc6 and fc7, got {brief(self.hidden_units)}.",
        )
        check(
            not self.small or (self.hidden_units, self.towers, self.order) == ((), 1, "caffenet"),
            f"`filters` {self.filters} make the small network, which needs `towers=1`, `hidden_units=none` and "
            "`order=caffenet`; choose these.",
        )
        for name in ("filters", "hidden_units"):
            check(
                all(width % self.towers == 0 for width in getattr(self, name)),
                f"`{name}` must be multiples of the {self.towers} towers, got {getattr(self, name)}.",
            )
        check(self.lrn_size % 2 == 1, f"`lrn_size` must be an odd number of channels, such as 5, got {self.lrn_size}.")
        check(
            self.towers_meet or not self.lrn_across_towers,
            "`lrn_across_towers` lets the towers meet, which `towers_meet` forbids; change one of them.",
        )
        check(
            self.smallest_input <= self.input_size,
            f"`input_size` must be at least {self.smallest_input}, got {self.input_size}: smaller images leave nothing "
            "after the last pooling.",
        )
        weights = (self._last_side(self.input_size) ** 2 * self.channels[-1], *self.units[1:])
        largest = max(weights) * (1 if self.small else self.units[0])
        check(
            largest <= LARGEST_LAYER,
            f"`hidden_units` {self.units} need {largest:.1e} weights in one layer; choose less than "
            f"{LARGEST_LAYER:.1e}, with smaller `hidden_units`, `filters` or `input_size`.",
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of conv1 to conv5, both towers together."""
        return self._scaled(self.filters)

    @property
    def units(self) -> tuple[int, ...]:
        """Units of fc6 and fc7, both towers together."""
        return self._scaled(self.hidden_units)

    def _scaled(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if self.width == 1:
            return numbers
        return tuple(MULTIPLE * max(1, int(number * self.width / MULTIPLE + 0.5)) for number in numbers)

    @property
    def lrn_constants(self) -> tuple[int, float, float, float, bool]:
        """The arguments of `LocalResponseNormalization` and of `Formula.across_channels`."""
        return self.lrn_size, self.lrn_k, self.lrn_alpha, self.lrn_beta, self.lrn_divide_alpha_by_size

    @property
    def small(self) -> bool:
        """Whether this is the small network of three convolutions."""
        return len(self.filters) == SMALL

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The steps that follow each of the convolutions, in order."""
        return tuple(self._stage(number) for number in range(1, len(self.filters) + 1))

    def _stage(self, number: int) -> tuple[str, ...]:
        steps = ["activation", "lrn", "pool"]
        if self.order == "caffenet":
            steps = ["activation", "pool", "lrn"]
        elif self.order == "original" and number == 1:
            steps = ["lrn", "pool", "activation"]
        if number not in POOLED and not self.small:
            steps.remove("pool")
        if number not in self.lrn_layers:
            steps.remove("lrn")
        elif self.order == "original" and number == 2:
            steps.insert(steps.index("lrn") + 1, "spatial_lrn")
        if self.batch_normalization:
            steps.insert(steps.index("activation"), "batch_normalization")
        return tuple(steps)

    def conv1_zeros(self, side: int | None) -> tuple[int, int]:
        """The numbers of zeros before and after a side of the image, in pixels.

        If the side is unknown, return the largest numbers that any side needs. conv1 ignores surplus zeros.
        """
        if self.small:
            return 0, 0
        missing = 3 if side is None else -(side + 2 * self.conv1_padding - 11) % 4
        missing = missing if self.conv1_ceil else 0
        return self.conv1_padding, self.conv1_padding + missing

    @property
    def smallest_input(self) -> int:
        """The smallest side of an image that leaves at least one pixel after the last pooling, in pixels."""
        return next(side for side in itertools.count(11) if self._last_side(side) > 0)

    def _last_side(self, side: int) -> int:
        if self.small:  # a pooling leaves half of the pixels, rounded up
            return -(-side // 2**SMALL)
        side = (side + sum(self.conv1_zeros(side)) - 11) // 4 + 1
        for _ in POOLED:
            side = (side - self.pool_size) // 2 + 1 if side >= self.pool_size else 0
        return side
