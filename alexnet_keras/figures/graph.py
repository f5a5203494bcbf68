"""The graph of a model's layers, read from the model itself."""

import keras

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.system.errors import OptionError
from alexnet_keras.system.terminal_text import brief


class Graph:
    """Which layers feed which in a functional model."""

    def __init__(self, model: keras.Model) -> None:
        self.layers = list(model.layers)
        self._producers = {id(layer.output): layer for layer in self.layers}

    def inputs(self, layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        """Return the layers whose outputs a layer takes; the input layer takes none."""
        if isinstance(layer, keras.layers.InputLayer):
            return []
        return [self._producers[id(tensor)] for tensor in keras.tree.flatten(layer.input)]

    def named(self, name: str) -> list[keras.layers.Layer]:
        """Return the layer of a name, or the two of its towers: `conv5` is `conv5a` and `conv5b`."""
        found = [layer for layer in self.layers if name in (layer.name, split_tower(layer.name)[0])]
        if not found:
            known = dict.fromkeys(split_tower(layer.name)[0] for layer in self.layers)
            raise OptionError(f"The network has no `layer` {brief(name)}; choose from {', '.join(known)}.")
        return found
