"""Options that change how a run is executed, but not what it computes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from alexnet_keras.config.ranges import Minutes, OneOf, check_value
from alexnet_keras.config.recipes import FROM_WEIGHTS
from alexnet_keras.config.training import CHECKPOINT_MINUTES, LAYOUTS, TrainConfig
from alexnet_keras.distribution import devices
from alexnet_keras.distribution.cluster import Cluster, check_cluster, find_cluster
from alexnet_keras.system.errors import OptionError
from alexnet_keras.weights.trained_weights import remedy


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options that change how a run is executed; a `TrainConfig` determines what it computes.

    Attributes:
        devices: `auto` (all GPUs, else the CPU), `gpu:2`, `gpu:0,1`, or `cpu:2` for logical CPUs. Every batch is
            distributed over the devices. Without dropout, a step is the same as on one device; with dropout, each
            device draws its own random numbers.
        callbacks: Keras callbacks that observe the training, such as loggers. Of several workers, only the first one
            calls them.
    """

    resume: bool = False
    overwrite: bool = False
    checkpoint_minutes: float = CHECKPOINT_MINUTES
    devices: str = "auto"
    layout: str = LAYOUTS[0]
    callbacks: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        check_value("`checkpoint_minutes`", Minutes, self.checkpoint_minutes)
        check_value("`layout`", Annotated[str, OneOf(LAYOUTS)], self.layout)

    def check(self, config: TrainConfig) -> Cluster | None:
        """Check what can be checked without TensorFlow, whose import takes seconds.

        Returns:
            The workers that the environment describes, or `None` if this process is the only one.
        """
        weights = config.weights
        if not self.resume and weights is None and config.recipe in FROM_WEIGHTS:
            raise OptionError(
                f"The recipe {config.recipe} starts from trained weights; name their file with `weights`."
            )
        if not self.resume and weights is None and config.freeze != "none":
            raise OptionError(f"`freeze` {config.freeze} keeps trained weights; name their file with `weights`.")
        if not self.resume and weights is not None and not Path(weights).is_file():
            raise OptionError(f"`weights` {weights} is not a file; {remedy(Path(weights))}.")
        devices.parse(self.devices)
        cluster = find_cluster()
        if cluster is not None:
            check_cluster(cluster, config.batch_size, self.devices, self.layout)
        return cluster
