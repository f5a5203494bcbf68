"""Train a configuration on one GPU with Keras's JAX backend, with all images in the memory of the GPU.

Network, initial weights, update rule, schedule, loss and colour statistics are those of the package. JAX draws orders,
crops, flips and colours; the package chooses the windows of resized crops, and JAX resizes them with the package's
weights. One compiled function trains an epoch. Images that do not fill the last batch of an epoch are left out.
"""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from jax_step import state_of, step_function

SAMPLED = 256  # images, for the mean colour and the components of the colours


class Training:
    """A configuration, compiled once and trained with any seed.

    Args:
        config: a `TrainConfig`.
        train_split, validation_split: `(N, S, S, 3)` uint8, 0..255, with the stored size S, and `(N,)` labels.
        classes: number of classes.
        policy: `mixed_bfloat16`, or `float32` without TensorFloat-32.
    """

    def __init__(self, config, train_split, validation_split, classes, policy):
        import jax
        import keras

        from alexnet_keras import AlexNet
        from alexnet_keras.config.layer_names import CONVOLUTIONS
        from alexnet_keras.data.color_statistics import Moments, color_sums
        from alexnet_keras.data.pca_noise import noise_of
        from alexnet_keras.model.loading import read_weights
        from alexnet_keras.training.compile import smoothed_crossentropy, update_rule

        if config.freeze != "none":
            raise SystemExit("Frozen layers need the command alexnet-keras train.")
        if config.small_epochs:
            raise SystemExit("Smaller images in the first epochs need the command alexnet-keras train.")
        if policy == "float32":
            jax.config.update("jax_default_matmul_precision", "highest")
        self.config = config
        self.images, self.labels = map(jax.device_put, train_split)
        self.others, self.expected = validation_split
        self.count = len(self.images) // config.batch_size
        moments = Moments()
        for image in train_split[0][:: max(1, len(self.images) // SAMPLED)]:
            moments.add(color_sums(image))
        statistics = moments.statistics()
        self.noise = noise_of(config.pca_noise, statistics) if config.pca_noise else None
        options = {"input_shape": (config.input_size, config.input_size, 3), "mean": statistics.mean, "dtype": policy}
        if config.weights is not None:
            trained = read_weights(Path(config.weights))
            trained = replace(trained, layers={name: trained.layers[name] for name in CONVOLUTIONS})
            options |= {"weights": trained, "allow_missing": True}

        def network(seed):
            keras.utils.set_random_seed(seed)
            return AlexNet(config.architecture, classes=classes, classifier_activation=None, **options)

        self.network = network
        self.model = network(0)
        optimizer = update_rule(config, policy, self.count)
        self.slots = state_of(self.model, optimizer)[2]
        self.step = step_function(self.model, optimizer, smoothed_crossentropy(config.label_smoothing))
        self.epoch, self.predicted = jax.jit(self._epoch), jax.jit(self._predicted)

    def run(self, seed):
        """Train with a seed.

        Returns:
            A dictionary: the training error of each epoch, as the mean over its batches, the validation error after the
            last one (of central crops), and the images per second without the first epoch, which is compiled.
        """
        import jax

        config, begun, errors = self.config, 0.0, []
        model = self.network(seed)
        weights, others = model.trainable_variables, model.non_trainable_variables
        state = ([each.value for each in weights], [each.value for each in others], self.slots)
        for key in jax.random.split(jax.random.key(seed), config.epochs):
            keys = jax.random.split(key, 4)
            state, (losses, wrong) = self.epoch(state, keys, self._windows(keys[1]))
            errors.append(float(wrong.mean()))  # waits for the GPU
            begun = begun or time.perf_counter()
            if not np.isfinite(losses).all():
                break
            if config.target_error is not None and errors[-1] <= config.target_error:
                break
        seconds = time.perf_counter() - begun
        return {
            "seed": seed,
            "learning_rate": config.learning_rate,
            "training_errors": errors,
            "validation_error": self._validation_error(state),
            "images_per_second": (len(errors) - 1) * self.count * config.batch_size / seconds,
        }

    def _windows(self, key):
        """Top and left edge of each crop of an epoch, and its height and width if it is resized."""
        import jax

        from alexnet_keras.data.crop_windows import crop_windows

        config, shape = self.config, (self.count, self.config.batch_size)
        border = config.stored_size - config.input_size
        if not config.augment:
            return np.full((*shape, 2), border // 2)
        if config.min_crop_area is None:
            return jax.random.randint(key, (*shape, 2), 0, border + 1)
        uniform = np.asarray(jax.random.uniform(key, (shape[0] * shape[1], 4)))
        return crop_windows(uniform, config.stored_size, config.min_crop_area).reshape(*shape, 4)

    def _epoch(self, state, keys, windows):
        import jax

        shape = (self.count, self.config.batch_size)
        order = jax.random.permutation(keys[0], len(self.images))[: shape[0] * shape[1]].reshape(shape)
        flipped = jax.random.bernoulli(keys[2], 0.5 if self.config.augment else 0.0, shape)
        colors = jax.random.normal(keys[3], (*shape, 3))
        return jax.lax.scan(self._train_step, state, (order, windows, flipped, colors))

    def _train_step(self, state, drawn):
        import jax
        import jax.numpy as jnp

        index, windows, flipped, colors = drawn
        pixels = jax.vmap(self._crop)(self.images[index], windows, flipped)
        if self.noise is not None:
            noise = self.noise
            shifts, mean = jnp.matmul(colors, jnp.array(noise.directions), precision="highest"), jnp.array(noise.mean)
            pixels = (pixels + shifts[:, None, None] - mean) / noise.divisor + mean
        state, *measured = self.step(state, pixels, self.labels[index])
        return state, measured

    def _crop(self, image, window, flipped):
        import jax
        import jax.numpy as jnp

        size = self.config.input_size
        if len(window) == 2:
            pixels = jax.lax.dynamic_slice(image, (window[0], window[1], 0), (size, size, 3))
        else:
            rows, columns = (self._weights(window[axis], window[axis + 2]) for axis in (0, 1))
            blended = jnp.einsum("yi,ijc,xj->yxc", rows, image.astype(jnp.float32), columns, precision="highest")
            pixels = jnp.rint(blended)
        return jnp.where(flipped, pixels[:, ::-1], pixels)

    def _weights(self, start, length):
        """Those of `compiled_resize.resized` along an axis of a window: `(input_size, stored_size)`."""
        import jax.numpy as jnp

        ratio = length / self.config.input_size
        centres = start + (jnp.arange(self.config.input_size) + 0.5) * ratio
        places = jnp.arange(self.config.stored_size)
        weights = jnp.maximum(0, 1 - jnp.abs(places + 0.5 - centres[:, None]) / jnp.maximum(1, ratio))
        weights *= (places >= start) & (places < start + length)
        return weights / weights.sum(1, keepdims=True)

    def _predicted(self, state, images):
        corner, size = (self.config.stored_size - self.config.input_size) // 2, self.config.input_size
        crops = images[:, corner : corner + size, corner : corner + size]
        return self.model.stateless_call(state[0], state[1], crops, training=False)[0].argmax(-1)

    def _validation_error(self, state):
        count = len(self.others)
        size = next(size for size in range(256, 0, -1) if count % size == 0)  # one shape, one compilation
        batches = (slice(start, start + size) for start in range(0, count, size))
        wrong = sum(int((self.predicted(state, self.others[each]) != self.expected[each]).sum()) for each in batches)
        return wrong / count
