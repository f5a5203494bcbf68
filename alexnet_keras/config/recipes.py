"""Whole, named configurations: a recipe is a function, a run changes what differs from machine to machine.

No network was ever trained on full ImageNet here: what the docstrings call published was measured by others.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Steps
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.config.variants import ARCHITECTURES, architecture
from alexnet_keras.system.errors import OptionError


def original() -> TrainConfig:
    """The run of the 2012 source code that the paper reports: network 145, without the search for it.

    Published: 40.7% top-1 and 18.2% top-5 error on ILSVRC-2012's validation pictures with ten views (the log at the end
    of `layer-params-145.cfg`; the paper's table 2). Measured here: the network, its rule and its events against NumPy;
    no training of it. It differs from its source in that a mean colour is subtracted, not a mean image, and in that
    every image of a batch has a crop and a mirror of its own.
    """
    return TrainConfig(
        recipe="original",
        architecture=ARCHITECTURES["original"],
        data="imagenet",
        input_size=224,  # convdata_jpeg.py: 256 less two borders of 16
        batch_size=128,  # section 5; the code's default
        epochs=91,  # layer-params-145.cfg: "epoch 91: killed"
        learning_rate=0.01,  # "epoch 25: set epsw to 0.001 from 0.01"
        schedule=Steps(boundaries=(25.0, 51.0, 79.0), divide_by=10.0),  # layer-params-145.cfg
        momentum=0.9,  # layer-params-145.cfg: momW, momB
        weight_decay=5e-4,  # layer-params-145.cfg: wc, of weights alone
        bias_learning_rate_multiplier=2.0,  # layer-params-145.cfg: epsB=0.02 ...
        biases_follow_schedule=False,  # ... still at the end, where epsW=0.00001
        layer_rates=(
            LayerRate(epoch=67, layer="conv1", rate=1e-5),  # "epoch 67: set epsw to 0.00001 from 0.0001 on conv1"
            LayerRate(epoch=72, layer="conv1", rate=0.0),  # "epoch 72: set epsw to 0 on conv1"; its epsB=0 too
        ),
        pca_noise="original",  # convdata_jpeg.py
        pca_noise_epochs=67,  # "set color noise to 0 from 0.1"
    )


def paper() -> TrainConfig:
    """The paper's run, as far as the paper describes it.

    Published: 40.7% top-1 and 18.2% top-5 error on ILSVRC-2012's validation pictures with ten views (table 2); on
    ILSVRC-2010 37.5% and 17.0% (table 1). Measured here: speed, and the network against NumPy; no training of it. The
    judgement of when the error "stopped improving" was a person's; `Plateau` says what stands in for it.
    """
    return TrainConfig(
        recipe="paper",
        architecture=ARCHITECTURES["paper"],
        data="imagenet",
        input_size=227,  # section 2 says 224; see architecture
        batch_size=128,  # section 5
        epochs=90,  # section 5: "roughly 90 cycles"
        learning_rate=0.01,  # section 5
        schedule=Plateau(divide_by=10.0, reductions=3),  # section 5: "divide by 10", "reduced three times"
        momentum=0.9,  # section 5
        weight_decay=5e-4,  # section 5
        bias_learning_rate_multiplier=1.0,  # section 5: "an equal learning rate for all layers"
        pca_noise="paper",  # section 4.1
    )


def caffe() -> TrainConfig:
    """`bvlc_alexnet`.

    Published: 42.9% top-1 and 19.8% top-5 error with the central crop, its best snapshot (its readme.md). Measured
    here: the network against NumPy; no training of it. It differs from its source in that a mean colour is subtracted,
    not a mean image.
    """
    return TrainConfig(
        recipe="caffe",
        architecture=ARCHITECTURES["caffe"],
        data="imagenet",
        input_size=227,  # train_val.prototxt: crop_size
        batch_size=256,  # train_val.prototxt
        epochs=90,  # solver.prototxt: max_iter 450,000 * 256 / 1,281,167 = 89.9
        learning_rate=0.01,  # solver.prototxt: base_lr
        schedule=Steps(boundaries=(20.0, 40.0, 60.0, 80.0), divide_by=10.0),  # stepsize 100,000 are 19.98 epochs; gamma
        momentum=0.9,  # solver.prototxt
        weight_decay=5e-4,  # solver.prototxt; decay_mult: 0 for biases
        bias_learning_rate_multiplier=2.0,  # train_val.prototxt: lr_mult: 2
    )


def owt() -> TrainConfig:
    """What torchvision calls `alexnet`, as its reference scripts train it.

    Published: 43.48% top-1 and 20.93% top-5 error with the central crop (`AlexNet_Weights.IMAGENET1K_V1`). Measured
    here: the network against NumPy; no training of it. It differs from its source in the crops, which are of 224 out of
    256 pixels there as here but also of changing scale and aspect there; in biases, which decay there; and in velocity,
    which there does not carry the rate.
    """
    return TrainConfig(
        recipe="owt",
        architecture=ARCHITECTURES["owt"],
        data="imagenet",
        input_size=224,  # torchvision references/classification: presets.py
        batch_size=256,  # references/classification/README.md: 8 GPUs of 32 each
        epochs=90,  # references/classification/README.md
        learning_rate=0.01,  # references/classification/README.md: --lr 1e-2 for AlexNet
        schedule=Steps(boundaries=(30.0, 60.0), divide_by=10.0),  # --lr-step-size 30, --lr-gamma 0.1
        momentum=0.9,  # --momentum
        weight_decay=1e-4,  # --weight-decay
        bias_learning_rate_multiplier=1.0,  # PyTorch has no other
    )


def batchnorm() -> TrainConfig:
    """AlexNet with batch normalization, of cvjena (Simon, Rodner, Denzler, arXiv:1612.01452).

    Published: 39.9% top-1 and 18.1% top-5 error with the central crop. Measured here: the network against NumPy; no
    training of it. It differs from its source in that the pixels are normalized by their mean and 64, not by batches,
    and in that the mean and variance of a step are those of all 256 images, there of 128.
    """
    return TrainConfig(
        recipe="batchnorm",
        architecture=ARCHITECTURES["batchnorm"],
        data="imagenet",
        input_size=227,  # AlexNet_cvgj/train.prototxt: crop_size
        batch_size=256,  # batch_size 128, train.solver: iter_size 2
        epochs=64,  # train.solver: max_iter 320,000 * 256 / 1,281,167 = 63.9
        learning_rate=0.05,  # train.solver: base_lr
        schedule=Linear(),  # train.solver: poly with a power of 1
        momentum=0.9,  # train.solver
        weight_decay=5e-4,  # train.solver; decay_mult: 0 for biases
        bias_learning_rate_multiplier=2.0,  # train.prototxt: lr_mult: 2
    )


def quickstart() -> TrainConfig:
    """The paper's network, trained from scratch on thousands of images instead of a million, in minutes.

    Two towers, local response normalization and dropout as in the paper. Not as in the paper: He's initial weights, a
    warm-up and a cosine, because 90 epochs of waiting for the plateau are not to be had. Measured here, on two cores:
    1.2% top-1 error on `shapes` after 6 epochs, 21.0% and 21.9% on Imagenette after 14 (saved_models/README.md).
    """
    return TrainConfig(
        recipe="quickstart",
        # He, Zhang, Ren, Sun 2015: with the paper's 0.01 the loss stays at ln(classes) for long
        architecture=dataclasses.replace(ARCHITECTURES["paper"], initializer="he_normal"),
        epochs=6,  # minutes on two cores for `shapes`
        batch_size=64,  # with label smoothing it took a prototype's 23.4% on Imagenette to 21.0%
        learning_rate=0.02,  # twice the paper's: pixels are divided by 64
        schedule=Cosine(warmup_epochs=1),  # Goyal et al. 2017, section 2.2
        bias_learning_rate_multiplier=1.0,  # the paper, section 5: "an equal learning rate for all layers"
        label_smoothing=0.1,  # Szegedy et al. 2016, section 7
    )


def transfer() -> TrainConfig:
    """Trained convolutions and a new, smaller classifier, for thousands of images instead of a million.

    Needs `--weights`. All layers learn, from random crops. With `--freeze conv5` the convolutions keep their weights,
    and what they make of central crops and of their mirror images is computed once: an epoch then takes seconds, and
    the error is larger. Measured here, with the convolutions of Caffe's `bvlc_alexnet`, on Imagenette after five
    epochs: 6.8% top-1 error on central crops with all layers learning, 8.1% with frozen ones at half the rate
    (saved_models/README.md, which has what else was tried).
    """
    return TrainConfig(
        recipe="transfer",
        architecture=architecture(
            "caffe", hidden_units=(512, 512)
        ),  # 4,096 would be most of the weights for few images
        epochs=5,  # measured so far
        batch_size=64,  # as quickstart
        learning_rate=0.002,  # pixels are not divided, so features reach 300: a rate of 0.01 diverged on frozen ones
        schedule=Cosine(),
        bias_learning_rate_multiplier=1.0,  # as quickstart
        label_smoothing=0.1,  # as quickstart
        cache_features=True,  # where layers are frozen
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    function.__name__: function for function in (quickstart, original, paper, caffe, owt, batchnorm, transfer)
}


def recipe(name: str, epochs: int | None = None) -> TrainConfig:
    """The configuration of a named recipe.

    Args:
        name: a name in `RECIPES`.
        epochs: another length; what happens after so many epochs moves in proportion.

    Raises:
        OptionError: no recipe has this name.
    """
    if name not in RECIPES:
        raise OptionError(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    config = RECIPES[name]()
    return config if epochs is None else _stretched(config, epochs)


def _stretched(config: TrainConfig, epochs: int) -> TrainConfig:
    factor = epochs / config.epochs
    changes: dict[str, Any] = {
        "layer_rates": tuple(dataclasses.replace(rate, epoch=rate.epoch * factor) for rate in config.layer_rates)
    }
    if isinstance(config.schedule, Steps):
        boundaries = tuple(boundary * factor for boundary in config.schedule.boundaries)
        changes["schedule"] = dataclasses.replace(config.schedule, boundaries=boundaries)
    for name in ("pca_noise_epochs", "freeze_epochs"):
        if getattr(config, name) is not None:
            changes[name] = max(1, round(getattr(config, name) * factor))
    return dataclasses.replace(config, epochs=epochs, **changes)


def with_network(config: TrainConfig, variant: str | None, **changes: Any) -> TrainConfig:
    """A recipe with another network, at the size of image that it was made for.

    Args:
        config: the recipe's.
        variant: a name of `ARCHITECTURES`, or `None` for the recipe's own. Initial weights that the recipe chose in
            place of its variant's stay the recipe's: small data need them in every variant.
        **changes: fields of `Architecture` with other values.

    Raises:
        OptionError: there is no such variant, no such field, or the value is out of its range.
    """
    network = config.architecture
    if variant is not None:
        chosen: dict[str, Any] = {}
        if network.initializer != architecture(network.name).initializer:
            chosen["initializer"] = network.initializer
        network = architecture(variant, **chosen)
    network = architecture(network, **changes)
    return dataclasses.replace(config, architecture=network, input_size=network.input_size)
