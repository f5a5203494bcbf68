"""The graph of a model's layers, read from the model itself."""

import keras


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
