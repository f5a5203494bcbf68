"""The training step of a Keras model as one function of its state, for Keras's JAX backend."""


def state_of(model, optimizer):
    """The trainable, the other and the optimizer's variables as lists of arrays."""
    optimizer.build(model.trainable_variables)
    groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    return tuple([variable.value for variable in group] for group in groups)


def step_function(model, optimizer, loss):
    """Return a function `(state, images, labels) -> (state, mean loss, top-1 error)` for `jax.jit`.

    Args:
        model: a network that ends in logits.
        optimizer: the update rule, with which `state_of` was called.
        loss: a function `(labels, logits)` -> `(B,)`.
    """
    import jax

    def mean_loss(trainable, other, images, labels):
        logits, other = model.stateless_call(trainable, other, images, training=True)
        return loss(labels, logits).mean(), (other, (logits.argmax(-1) != labels).mean())

    def step(state, images, labels):
        trainable, other, slots = state
        (value, (other, wrong)), gradients = jax.value_and_grad(mean_loss, has_aux=True)(
            trainable, other, images, labels
        )
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, other, slots), value, wrong

    return step
