"""Train a recipe on one GPU with Keras's JAX backend, with all images in the memory of the GPU.

    python3 -m pip install keras jax[cuda13] numba pillow && python3 benchmarks/jax_recipe.py imagenette --epochs 14
    python3 benchmarks/jax_recipe.py imagenette --recipe fast --seeds 1
    python3 benchmarks/jax_recipe.py imagenette --epochs 14 --set learning_rate=0.01 --change batch_normalization=yes

The folder has `train/<class>/<image>` and `val/<class>/<image>`. Network, initial weights, update rule, schedule and
loss are those of the package, and so are the pixels: Pillow decodes JPEG files as the package does, and the package
resizes them. JAX draws orders, crops and flips; the package chooses the windows of resized crops, and JAX resizes them.
One compiled function trains an epoch. The script prints the top-1 error of the central crop for each seed.
"""

import argparse
import dataclasses
import functools
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from jax_step import state_of, step_function

EVALUATED = 157  # images of a step: Imagenette's 3,925 for validation are 25 * 157


def stored(path, size):
    from PIL import Image

    from alexnet_keras.data.compiled_resize import rescaled_crop

    with Image.open(path) as image:
        return rescaled_crop(np.array(image.convert("RGB")), size, np.zeros(2, np.int32), size)


def read(folder, classes, size):
    paths = [path for name in classes for path in sorted((folder / name).iterdir())]
    with ProcessPoolExecutor() as pool:
        images = np.stack(list(pool.map(functools.partial(stored, size=size), paths, chunksize=64)))
    return images, np.array([classes.index(path.parent.name) for path in paths])


def train(config, train_split, validation_split, classes, seed):
    import jax
    import jax.numpy as jnp
    import keras

    from alexnet_keras import AlexNet
    from alexnet_keras.data.crop_windows import crop_windows
    from alexnet_keras.training.compile import smoothed_crossentropy, update_rule

    (images, labels), (others, expected) = (
        tuple(map(jax.device_put, split)) for split in (train_split, validation_split)
    )
    size, batch_size, stored_size = config.input_size, config.batch_size, config.stored_size
    count = len(images) // batch_size
    keras.utils.set_random_seed(seed)
    mean = np.asarray(train_split[0][::37]).mean((0, 1, 2)).tolist()  # every 37th image
    policy = "mixed_bfloat16"
    model = AlexNet(config.architecture, classes=classes, classifier_activation=None, mean=mean, dtype=policy)
    optimizer = update_rule(config, policy, count)
    state = state_of(model, optimizer)
    step = step_function(model, optimizer, smoothed_crossentropy(config.label_smoothing))

    def resize(image, window):
        top, left, height, width = window
        rows, columns = spans(top, height), spans(left, width)
        return jnp.rint(jnp.einsum("yi,ijc,xj->yxc", rows, image.astype(jnp.float32), columns, precision="highest"))

    def spans(start, length):  # of a window: the weights of `compiled_resize.resized`
        ratio = length / size
        edges = start + (jnp.arange(size) + 0.5) * ratio
        places = jnp.arange(stored_size)
        weights = jnp.maximum(0, 1 - jnp.abs(places + 0.5 - edges[:, None]) / jnp.maximum(1, ratio))
        weights *= (places >= start) & (places < start + length)
        return weights / weights.sum(1, keepdims=True)

    def crop(image, window, flipped):
        if config.min_crop_area is None:
            pixels = jax.lax.dynamic_slice(image, (window[0], window[1], 0), (size, size, 3))
        else:
            pixels = resize(image, window)
        return jnp.where(flipped, pixels[:, ::-1], pixels)

    def train_step(state, drawn):
        index, windows, flipped = drawn
        return step(state, jax.vmap(crop)(images[index], windows, flipped), labels[index])

    def windows_of(key):
        if config.min_crop_area is None:
            return jax.random.randint(key, (count, batch_size, 2), 0, stored_size - size + 1)
        uniform = np.asarray(jax.random.uniform(key, (count * batch_size, 4)))
        return crop_windows(uniform, stored_size, config.min_crop_area).reshape(count, batch_size, 4)

    @jax.jit
    def epoch(state, keys, windows):
        order = jax.random.permutation(keys[0], len(images))[: count * batch_size].reshape(count, batch_size)
        flipped = jax.random.bernoulli(keys[2], shape=(count, batch_size))
        return jax.lax.scan(train_step, state, (order, windows, flipped))

    @jax.jit
    def predicted(state, batch):
        corner = (stored_size - size) // 2
        crops = batch[:, corner : corner + size, corner : corner + size]
        return model.stateless_call(state[0], state[1], crops, training=False)[0].argmax(-1)

    begun = 0.0
    for number, key in enumerate(jax.random.split(jax.random.key(seed), config.epochs)):
        keys = jax.random.split(key, 3)
        state, losses = epoch(state, keys, windows_of(keys[1]))
        losses.block_until_ready()
        begun = begun or time.perf_counter()  # after the first epoch, which is compiled
        print(f"seed {seed}, epoch {number + 1}/{config.epochs}, loss {losses.mean():.3f}", flush=True)
    rate = (config.epochs - 1) * count * batch_size / (time.perf_counter() - begun)
    wrong = 0
    for start in range(0, len(others), EVALUATED):
        batch = slice(start, start + EVALUATED)
        wrong += int((predicted(state, others[batch]) != expected[batch]).sum())
    return {"seed": seed, "error": wrong / len(others), "images_per_second": rate}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="quickstart")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as for alexnet-keras train")
    parser.add_argument("--change", action="append", default=[], metavar="NAME=VALUE", help="likewise")
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    from alexnet_keras.config.assignments import parse_changes, parse_settings
    from alexnet_keras.config.recipes import recipe, with_network

    config = with_network(recipe(arguments.recipe, arguments.epochs), None, **parse_changes(arguments.change))
    config = dataclasses.replace(config, **parse_settings(arguments.set))
    if config.pca_noise or config.freeze != "none" or not config.augment:
        parser.error(f"recipe {arguments.recipe} needs other images than crops and flips; choose quickstart.")
    classes = sorted(path.name for path in (arguments.data / "train").iterdir())
    splits = [read(arguments.data / name, classes, config.stored_size) for name in ("train", "val")]
    for seed in range(arguments.seeds):
        print(json.dumps(train(config, *splits, len(classes), seed)), flush=True)


if __name__ == "__main__":
    main()
