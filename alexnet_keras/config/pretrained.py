"""The trained network in the package: the recipe `small` on Imagenette, compressed to less than 1 MB."""

from pathlib import Path

from alexnet_keras.config.recipes import recipe

NAME = "imagenette"
FILE = Path(__file__).parents[1] / "pretrained" / "imagenette.alexnet"
ARCHITECTURE = recipe("small").architecture
