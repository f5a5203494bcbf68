"""The experiments of the paper and of its first author, as data: what is trained, and what was published."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from alexnet_keras.config.citations import initial_weights
from alexnet_keras.config.recipes import recipe, with_network
from alexnet_keras.config.schedules import Steps
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.config.variants import CIFAR
from alexnet_keras.system.errors import check
from alexnet_keras.system.terminal_text import brief

MAX_SEEDS = 100  # of each row

Candidates = tuple[TrainConfig, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line in the table of an experiment: a network that is trained with several seeds.

    Attributes:
        candidates: configurations that differ in their learning rates. The first seed tries all of them for the
            experiment's `trial_epochs`, and every seed trains the one with the smallest training error.
        published: the published top-1 error, 0 to 1.
    """

    name: str
    candidates: Candidates
    published: float | None = None


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment.

    Attributes:
        protocol: how its networks are trained and measured.
        published: how the published networks were trained and measured.
        rows: its networks. The others are compared with the first one.
        trial_epochs: for how many epochs candidates are tried.
        target: the training error, 0 to 1, up to which epochs are counted; `None` to measure the validation error.
        published_ratio: the epochs of the last row divided by those of the first, as published.
    """

    title: str
    protocol: str
    published: str
    rows: tuple[Row, ...]
    seeds: int = 2
    trial_epochs: int = 5
    target: float | None = None
    published_ratio: float | None = None

    @property
    def data(self) -> str:
        return self.rows[0].candidates[0].data


def _small(experiment: str, **changes: Any) -> TrainConfig:
    """The small network on CIFAR-10, without augmentation and at a constant learning rate.

    It is of no recipe, so that the name of the experiment says how to train it again.
    """
    values: dict[str, Any] = {
        **{"architecture": CIFAR, "data": "cifar10", "stored_size": 32, "input_size": 32, "augment": False},
        **{"batch_size": 128, "momentum": 0.9, "schedule": Steps(boundaries=())},
    }
    return TrainConfig(recipe=experiment, **values | changes)


# Settings of Figure 1.
FIGURE_1_EPOCHS = 60  # the axis of the figure ends at 40, which is not enough for tanh here
FIGURE_1_RATES = {"relu": (0.001, 0.003, 0.01), "tanh": (0.003, 0.01, 0.03)}  # the best is in the middle
FIGURE_1_NETWORK = dataclasses.replace(CIFAR, lrn_layers=(), initializer="cifar", pixel_stddev=1.0)
FIGURE_1_TARGET = 0.25  # section 3.1: "a 25% training error rate"

FIGURE_1 = Experiment(
    title="ReLU against tanh (Figure 1 of the paper)",
    protocol="a network of three convolutions and a classifier; initial weights "
    f"{initial_weights(FIGURE_1_NETWORK)}; pixels from 0 to 255, less the mean, divided by "
    f"{FIGURE_1_NETWORK.pixel_stddev:g}; no regularization and no augmentation; batches of 128, "
    "momentum 0.9; for each activation the constant learning rate with the smallest training error after five epochs, "
    "or after all if these are fewer; the training error is the mean over the batches of an epoch",
    published="a network of four layers on CIFAR-10; no regularization; learning rates chosen for each activation to "
    "make training as fast as possible",
    rows=tuple(
        Row(
            name=name,
            candidates=tuple(
                _small(
                    "figure-1",
                    architecture=dataclasses.replace(FIGURE_1_NETWORK, activation=activation),
                    epochs=FIGURE_1_EPOCHS,
                    learning_rate=rate,
                    weight_decay=0.0,
                )
                for rate in FIGURE_1_RATES[activation]
            ),
        )
        for name, activation in (("ReLU", "relu"), ("tanh", "tanh"))
    ),
    seeds=3,
    target=FIGURE_1_TARGET,
    published_ratio=6.0,  # the legend of Figure 1: "six times faster"
)

CIFAR_18 = Experiment(
    title="A small network of the 2012 code, and AlexNet",
    protocol="validation error after the last epoch; a mean colour is subtracted instead of a mean image; layers-18pct "
    "sees whole images of 32 pixels without augmentation; AlexNet sees random crops and flips of images that are "
    "resized to 256 pixels, so the difference of the two is not one of their networks alone",
    published="18% test error of the 2012 code's network (layer-params-18pct.cfg) on CIFAR-10, central crop, no "
    "augmentation",
    rows=(
        Row(
            name="layers-18pct",
            published=0.18,
            candidates=(
                _small(
                    "cifar-18",
                    epochs=140,  # 120, and 10 after each division
                    learning_rate=0.001,  # layer-params-18pct.cfg: epsW; epsB is twice that
                    schedule=Steps(boundaries=(120.0, 130.0)),
                    weight_decay=0.004,  # layer-params-18pct.cfg: wc of the convolutions
                    classifier_weight_decay=1.0,  # layer-params-18pct.cfg: wc of fc10
                ),
            ),
        ),
        Row(
            name="AlexNet, enlarged to 227",
            candidates=(
                dataclasses.replace(
                    with_network(recipe("quickstart", 10), None, lrn_layers=(1, 2, 3, 4, 5)), data="cifar10"
                ),
            ),
        ),
    ),
)


ABLATION_EPOCHS = 14  # 20 runs on Imagenette take a night on two cores
ABLATION_RATE = 0.02  # as quickstart
# With 0.02 the loss of tanh rises to 19 within two epochs on Imagenette.
ABLATION_TANH_RATES = (0.002, 0.005, 0.01)  # the best is in the middle


def _ablated(*learning_rates: float, network: dict[str, Any] | None = None, **changes: Any) -> Candidates:
    config = with_network(recipe("quickstart", ABLATION_EPOCHS), None, **network or {})
    sizes: dict[str, Any] = {"stored_size": 144, "input_size": 131}  # 3 x 3 after pool5 with windows of 2 and of 3
    config = dataclasses.replace(config, data="imagenette", **sizes, **changes)
    return tuple(dataclasses.replace(config, learning_rate=rate) for rate in learning_rates or (ABLATION_RATE,))


ABLATIONS = Experiment(
    title="What each part of the paper's network contributes",
    protocol="validation error after the last epoch, central crops of 131 pixels from images of 144; He's initial "
    f"weights, a cosine from {ABLATION_RATE} (0.01 with the paper's initial weights, and for tanh the best of "
    f"{', '.join(f'{rate:g}' for rate in ABLATION_TANH_RATES)} after five epochs) and label smoothing 0.1 (recipe "
    "quickstart)",
    published="networks 170, 148, 147 and 150 of the 2012 code on ILSVRC-2012, top-1 error of ten crops; section 4.1 "
    "says that PCA noise lowers it by more than 1 percentage point",
    rows=(
        Row(name="the paper's network", candidates=_ablated(), published=0.4053),
        Row(name="without LRN", candidates=_ablated(network={"lrn_layers": ()}), published=0.4203),
        Row(name="without overlapping pooling", candidates=_ablated(network={"pool_size": 2}), published=0.4106),
        Row(name="without dropout", candidates=_ablated(network={"dropout": 0.0})),
        Row(name="towers never meet", candidates=_ablated(network={"towers_meet": False}), published=0.4183),
        Row(name="one tower", candidates=_ablated(network={"towers": 1})),
        Row(name="tanh", candidates=_ablated(*ABLATION_TANH_RATES, network={"activation": "tanh"})),
        Row(name="without augmentation", candidates=_ablated(augment=False)),
        Row(name="with PCA noise", candidates=_ablated(pca_noise="paper")),
        Row(name="the paper's initial weights", candidates=_ablated(0.01, network={"initializer": "paper"})),
    ),
)

EXPERIMENTS = {"figure-1": FIGURE_1, "cifar-18": CIFAR_18, "ablations": ABLATIONS}


def experiment(name: str) -> Experiment:
    """Return an experiment by its name, or raise `OptionError`."""
    check(name in EXPERIMENTS, f"There is no experiment {brief(name)}; choose from {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]
