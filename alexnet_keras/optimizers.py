"""The update rule of 2012."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="alexnet_keras")
class KrizhevskySGD(keras.optimizers.Optimizer):
    """Stochastic gradient descent with decay and learning rate inside the velocity (section 5 of the paper).

    `v = momentum * v - rate * (gradient + weight_decay * w)`, then `w = w + v`. Biases do not decay, and learn at
    `bias_learning_rate_multiplier` times the rate, as in the 2012 source code (`layer-params-145.cfg`).

    `keras.optimizers.SGD(weight_decay=...)` is another rule: it shrinks the weight outside the velocity, which at a
    momentum of 0.9 decays ten times less.

    Args:
        learning_rate: a number or a schedule.
        momentum: in [0, 1).
        weight_decay: not negative.
        bias_learning_rate_multiplier: rate of the biases over the rate of the weights.

    Raises:
        ValueError: `momentum` or `weight_decay` is out of its range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        bias_learning_rate_multiplier: float = 2.0,
        name: str = "krizhevsky_sgd",
        **kwargs: Any,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}.")
        if weight_decay < 0:
            raise ValueError(f"weight_decay must not be negative, got {weight_decay}.")
        # The base class's own weight_decay is the decoupled rule: it must stay off.
        super().__init__(learning_rate=learning_rate, weight_decay=None, name=name, **kwargs)
        self.momentum = momentum
        self.coupled_weight_decay = weight_decay
        self.bias_learning_rate_multiplier = bias_learning_rate_multiplier

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self._velocities = [self.add_variable_from_reference(variable, name="velocity") for variable in variables]
        self._are_biases = [variable.path.endswith("/bias") for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        velocity = self._velocities[index]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        if self._are_biases[index]:
            rate = rate * self.bias_learning_rate_multiplier
        elif self.coupled_weight_decay:
            gradient = gradient + self.coupled_weight_decay * variable
        if keras.backend.backend() == "tensorflow":
            _tensorflow_step(variable, velocity, rate, gradient, self.momentum)
            return
        step = self.momentum * velocity - rate * gradient
        self.assign(velocity, step)
        self.assign_add(variable, step)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.coupled_weight_decay,
            "bias_learning_rate_multiplier": self.bias_learning_rate_multiplier,
        }


def _tensorflow_step(variable: Any, velocity: Any, rate: Any, gradient: Any, momentum: float) -> None:
    """Both updates in one pass over memory: 61 million weights are 244 MB, and the general form reads them often."""
    import tensorflow as tf  # only where it is Keras's backend

    tf.raw_ops.ResourceApplyKerasMomentum(
        var=variable.handle, accum=velocity.value.handle, lr=rate, grad=gradient, momentum=momentum
    )
