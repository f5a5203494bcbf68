"""Shell completion of data sets, models and runs. Recipes and variants are choices, which click completes itself."""

import click
from click.shell_completion import CompletionItem

from alexnet_keras.config import pretrained
from alexnet_keras.config.training import IMAGENET, SHAPES

# Classification sets that TFDS can download and build by itself. TFDS knows more, but importing it takes seconds.
TFDS_DATA_SETS = (
    *("beans", "caltech101", "cats_vs_dogs", "cifar10", "cifar100", "dtd"),
    *("eurosat", "fashion_mnist", "food101", "imagenette", "mnist", "oxford_flowers102"),
    *("oxford_iiit_pet", "rock_paper_scissors", "stanford_dogs", "stl10", "svhn_cropped", "tf_flowers"),
)


def complete_data(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a data set: a folder, a table or a name."""
    return [CompletionItem(incomplete, type="file"), *_starting(incomplete, (SHAPES, IMAGENET, *TFDS_DATA_SETS))]


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a run: a folder in saved_models/, or any folder."""
    return [CompletionItem(incomplete, type="dir"), *_starting(incomplete, _runs())]


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a model: a run in saved_models/, the network in the package, or any file."""
    return [CompletionItem(incomplete, type="file"), *_starting(incomplete, [*_runs(), pretrained.NAME])]


def _runs() -> list[str]:
    from alexnet_keras.training.run_folder import CONFIG, ROOT

    return sorted((str(path.parent) for path in ROOT.glob(f"*/{CONFIG}")), reverse=True)  # the newest first


def _starting(incomplete: str, names: tuple[str, ...] | list[str]) -> list[CompletionItem]:
    # The shell takes the item of the type "dir" or "file" as a request to complete paths too.
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
