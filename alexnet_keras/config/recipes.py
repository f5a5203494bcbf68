"""Recipes: complete, named training configurations, with the source of each number.

The docstrings tell apart errors that others published and errors that were measured with this code, which was never
trained on the whole of ImageNet.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Steps
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.config.variants import ARCHITECTURES, architecture
from alexnet_keras.system.errors import check

KEPT = ("initializer", "width")  # fields of a network that a recipe chooses for every variant


def original() -> TrainConfig:
    """The final run of network 145 of the 2012 source code, which the paper reports.

    Published: 40.7% top-1 and 18.2% top-5 error on ILSVRC-2012's validation images with ten crops (the log at the end
    of `layer-params-145.cfg`; table 2 of the paper). Measured here: the network and the update rule, with every change
    of a learning rate, agree with NumPy; the network was not trained. Unlike the source, it subtracts a mean colour
    instead of a mean image, and crops and flips every image of a batch independently.
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
    """The run that the paper describes.

    Published: 40.7% top-1 and 18.2% top-5 error on ILSVRC-2012's validation images with ten crops (table 2); on
    ILSVRC-2010 37.5% and 17.0% (table 1). Measured here: speed, and that the network agrees with NumPy; it was not
    trained. The authors decided by hand when the error "stopped improving"; `Plateau` replaces their judgement.
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
    """The model `bvlc_alexnet` of Caffe.

    Published: 42.9% top-1 and 19.8% top-5 error with the central crop, for the best snapshot (readme.md of the model).
    Measured here: the network agrees with NumPy; it was not trained. Unlike the source, it subtracts a mean colour
    instead of a mean image.
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
    """The model `alexnet` of torchvision, with the settings of its reference scripts.

    Published: 43.48% top-1 and 20.93% top-5 error with the central crop (`AlexNet_Weights.IMAGENET1K_V1`). Measured
    here: the network agrees with NumPy; it was not trained. Unlike the source, it crops 224 of 256 pixels without
    changing scale and aspect ratio, biases do not decay, and the velocity contains the learning rate.
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
    """The AlexNet with batch normalization of Simon, Rodner and Denzler (arXiv:1612.01452).

    Published: 39.9% top-1 and 18.1% top-5 error with the central crop. Measured here: the network agrees with NumPy;
    it was not trained. Unlike the source, it normalizes the pixels with their mean and 64 instead of batch statistics,
    and computes the statistics of a step over 256 images instead of 128.
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
    """The network of the paper, trained from scratch on thousands of images within minutes.

    Two towers, local response normalization and dropout are those of the paper. The initial weights (He), the warm-up
    and the cosine are not: the schedule of the paper needs 90 epochs. Measured here, on two cores: 1.2% top-1 error on
    `shapes` after 6 epochs; 21.0% and 21.9%, two runs, on Imagenette after 14 (see the page Results).
    """
    return TrainConfig(
        recipe="quickstart",
        # He, Zhang, Ren, Sun 2015: with the paper's 0.01 the loss stays at ln(classes) for long
        architecture=dataclasses.replace(ARCHITECTURES["paper"], initializer="he_normal"),
        epochs=6,  # minutes on two cores for `shapes`
        batch_size=64,  # measured with label smoothing on Imagenette: 21.0% instead of 23.4% error
        learning_rate=0.02,  # twice that of the paper, because pixels are divided by 64
        schedule=Cosine(warmup_epochs=1),  # Goyal et al. 2017, section 2.2
        bias_learning_rate_multiplier=1.0,  # the paper, section 5: "an equal learning rate for all layers"
        label_smoothing=0.1,  # Szegedy et al. 2016, section 7
    )


def fast() -> TrainConfig:
    """Train from random weights in little time, with batch normalization and with smaller images in the first epochs.

    Batch normalization allows small initial weights, whose direction changes more in each step. In the first three
    quarters of the epochs, crops are resized to 131 pixels, and an epoch takes half of the time of one with 227.
    Measured here on Imagenette, on two cores, two seeds: 15.3% and 15.2% top-1 error of central crops, in the time that
    `quickstart` takes for 14 epochs, which end at 21.3% there. With 32 epochs, one seed: 13.9% (see the page Results).
    No other data was tried.
    """
    return dataclasses.replace(
        quickstart(),
        recipe="fast",
        architecture=architecture(
            "batchnorm",
            initializer="paper",  # measured: 23.8% after 6 epochs of small images, instead of 27.2% with He's
            dropout=0.2,  # the only value that was tried with small images first
        ),
        small_input_size=131,  # 3 x 3 feature maps after pool5, half of 6 x 6
        small_fraction=0.75,  # the only value that was tried
        min_crop_area=0.35,  # measured without batch normalization: 17.3% instead of 18.3% after 28 epochs
        epochs=20,  # as many minutes as 14 of quickstart
        learning_rate=0.005,  # with quickstart's 0.02, the loss rises in the second epoch
        weight_decay=0.002,  # before batch normalization, it acts like a larger learning rate
    )


def small() -> TrainConfig:
    """The recipe `quickstart` with a quarter of the channels and units, for a file of at most 1 MB.

    For ten classes the network has 3.57 million parameters instead of 56.9 million, and 65 million multiply-adds
    instead of 720 million. `compress` keeps 12% of the 3.41 million weights of fc6 and fc7 in about 9 bits each, and
    37% of the 0.15 million weights of the convolutions in about 11 bits: with random weights, the file has 0.53 MB, and
    1.98 MB with half of the channels and units. Measured here on Imagenette, top-1 error: 20.6% after 36 epochs, and
    20.5% after `compress --kept 0.2`, whose file of 0.83 MB is in the package (see the page Results).
    """
    return dataclasses.replace(
        quickstart(),
        recipe="small",
        architecture=architecture(
            "paper",
            initializer="he_normal",  # as quickstart
            width=0.25,  # see above
            dropout=0.25,  # narrow layers overfit less: as in `compression`, times the root of the fraction of units
        ),
        epochs=40,  # each takes a fraction of the time of one of quickstart
    )


def transfer() -> TrainConfig:
    """Trained convolutions and a new, smaller classifier, for thousands of images.

    It needs `weights`. conv1 and conv2 keep theirs, which saves three tenths of the time of an epoch, and all other
    layers learn from random crops. If `freeze` is `conv5`, the features of each image are computed once: an epoch takes
    seconds, and the error is larger. Measured here with the convolutions of `bvlc_alexnet` on Imagenette, top-1 error
    of central crops: 5.8% and 5.9% with two seeds, 7.0% if all convolutions are frozen, at half the learning rate
    (see the page Results).
    """
    return TrainConfig(
        recipe="transfer",
        architecture=architecture("caffe", hidden_units=(512, 512)),  # 4,096 have too many weights for few images
        epochs=7,  # measured here, as the sizes below
        batch_size=32,  # smaller batches take more steps: 6.0% instead of 6.9% error after five epochs
        learning_rate=0.002,  # features reach 300 without division of the pixels: 0.01 diverged
        schedule=Cosine(),
        bias_learning_rate_multiplier=1.0,  # as quickstart
        label_smoothing=0.1,  # as quickstart
        freeze="conv2",  # no worse, and seven epochs take the time of five
        cache_features=True,  # if conv5 is frozen, too
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    function.__name__: function
    for function in (quickstart, fast, small, original, paper, caffe, owt, batchnorm, transfer)
}
FROM_WEIGHTS = (transfer.__name__,)  # recipes that do not train from random weights


def recipe(name: str, epochs: int | None = None) -> TrainConfig:
    """Look up a recipe by its name.

    Args:
        epochs: another number of epochs; everything that happens at a given epoch moves in proportion.
    """
    check(name in RECIPES, f"`recipe` {name!r} is unknown; choose from {', '.join(RECIPES)}.")
    config = RECIPES[name]()
    return config if epochs is None else stretched(config, epochs)


def stretched(config: TrainConfig, epochs: int) -> TrainConfig:
    """Give a configuration another number of epochs; everything that happens at a given epoch moves in proportion."""
    factor = dataclasses.replace(config, epochs=epochs).epochs / config.epochs  # a number within its range
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
    """Give a configuration the network of `network_of`, and the image size for which that network was designed."""
    network = network_of(config, variant, **changes)
    return dataclasses.replace(config, architecture=network, input_size=network.input_size)


def network_of(config: TrainConfig, variant: str | None, **changes: Any) -> Architecture:
    """Change the network of a configuration.

    Args:
        variant: a name in `ARCHITECTURES`, or `None` to keep the variant. An initializer and a width that the
            configuration chose instead of those of its variant are kept: small data sets need the initializer, and
            small devices the width, in every variant. An initializer that needs batch normalization becomes `he_normal`
            in a variant without it.
        **changes: fields of `Architecture` to change.
    """
    network = config.architecture
    if variant is not None:
        named = architecture(network.name)
        chosen = {name: getattr(network, name) for name in KEPT if getattr(network, name) != getattr(named, name)}
        if network.batch_normalization and not architecture(variant).batch_normalization and "initializer" in chosen:
            chosen["initializer"] = "he_normal"  # small weights would learn too slowly from few images
        network = architecture(variant, **chosen)
    return architecture(network, **changes)
