"""Options that change how a run is executed, but not what it computes."""

from dataclasses import dataclass

from alexnet_keras.system.errors import check

CHECKPOINT_MINUTES = 5.0  # writing half a gigabyte takes about a second


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options that change how a run is executed; a `TrainConfig` determines what it computes.

    Attributes:
        resume: continue from the newest checkpoint of the run.
        overwrite: replace the run that is in the folder.
        checkpoint_minutes: minutes between checkpoints within an epoch; every epoch ends with one as well.
        devices: `auto` (all GPUs, else the CPU), `gpu:2`, `gpu:0,1`, or `cpu:2` for logical CPUs. Every batch is
            distributed over the devices. Without dropout, a step is the same as on one device; with dropout, each
            device draws its own random numbers.
        layout: `replicas` for a whole network on each device, or `two-tower` for one tower on each of two devices.

    Raises:
        OptionError: `checkpoint_minutes` is negative or not a number.
    """

    resume: bool = False
    overwrite: bool = False
    checkpoint_minutes: float = CHECKPOINT_MINUTES
    devices: str = "auto"
    layout: str = "replicas"

    def __post_init__(self) -> None:
        # NaN compares false with everything.
        check(self.checkpoint_minutes >= 0, f"`checkpoint_minutes` must be 0 or more, got {self.checkpoint_minutes}.")
