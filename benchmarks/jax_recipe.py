"""Train a recipe on one GPU with Keras's JAX backend, with all images in the memory of the GPU.

    python3 -m pip install keras jax[cuda13] numba pillow && python3 benchmarks/jax_recipe.py imagenette --epochs 14

The folder has `train/<class>/<image>` and `val/<class>/<image>`. Network, initial weights, update rule, schedule and
loss are those of the package, and so are the pixels: Pillow decodes JPEG files as the package does, and the package
resizes them. JAX draws orders, crops and flips. One compiled function trains an epoch. The script prints the top-1
error of the central crop for each seed.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from jax_step import state_of, step_function

STORED = 256  # side of the images before they are cropped, in pixels
EVALUATED = 157  # images of a step: Imagenette's 3,925 for validation are 25 * 157


def stored(path):
    from PIL import Image

    from alexnet_keras.data.compiled_resize import rescaled_crop

    with Image.open(path) as image:
        return rescaled_crop(np.array(image.convert("RGB")), STORED, np.zeros(2, np.int32), STORED, False)


def read(folder, classes):
    paths = [path for name in classes for path in sorted((folder / name).iterdir())]
    with ProcessPoolExecutor() as pool:
        images = np.stack(list(pool.map(stored, paths, chunksize=64)))
    return images, np.array([classes.index(path.parent.name) for path in paths])


def train(config, train_split, validation_split, classes, seed):
    import jax
    import jax.numpy as jnp
    import keras

    from alexnet_keras import AlexNet
    from alexnet_keras.training.compile import smoothed_crossentropy, update_rule

    (images, labels), (others, expected) = (
        tuple(map(jax.device_put, split)) for split in (train_split, validation_split)
    )
    size, batch_size = config.input_size, config.batch_size
    count = len(images) // batch_size
    keras.utils.set_random_seed(seed)
    mean = np.asarray(train_split[0][::37]).mean((0, 1, 2)).tolist()  # every 37th image
    policy = "mixed_bfloat16"
    model = AlexNet(config.architecture, classes=classes, classifier_activation=None, mean=mean, dtype=policy)
    optimizer = update_rule(config, policy, count)
    state = state_of(model, optimizer)
    step = step_function(model, optimizer, smoothed_crossentropy(config.label_smoothing))

    def crop(image, offset, flipped):
        window = jax.lax.dynamic_slice(image, (*offset, 0), (size, size, 3))
        return jnp.where(flipped, window[:, ::-1], window)

    def train_step(state, drawn):
        index, offsets, flipped = drawn
        return step(state, jax.vmap(crop)(images[index], offsets, flipped), labels[index])

    @jax.jit
    def epoch(state, key):
        keys = jax.random.split(key, 3)
        order = jax.random.permutation(keys[0], len(images))[: count * batch_size].reshape(count, batch_size)
        offsets = jax.random.randint(keys[1], (count, batch_size, 2), 0, STORED - size + 1)
        flipped = jax.random.bernoulli(keys[2], shape=(count, batch_size))
        return jax.lax.scan(train_step, state, (order, offsets, flipped))

    @jax.jit
    def predicted(state, batch):
        corner = (STORED - size) // 2
        crops = batch[:, corner : corner + size, corner : corner + size]
        return model.stateless_call(state[0], state[1], crops, training=False)[0].argmax(-1)

    begun = 0.0
    for number, key in enumerate(jax.random.split(jax.random.key(seed), config.epochs)):
        state, losses = epoch(state, key)
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
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    from alexnet_keras.config.recipes import recipe

    config = recipe(arguments.recipe, arguments.epochs)
    if config.pca_noise or config.freeze != "none":
        parser.error(f"recipe {arguments.recipe} needs more than crops and flips; choose quickstart.")
    classes = sorted(path.name for path in (arguments.data / "train").iterdir())
    splits = [read(arguments.data / name, classes) for name in ("train", "val")]
    for seed in range(arguments.seeds):
        print(json.dumps(train(config, *splits, len(classes), seed)), flush=True)


if __name__ == "__main__":
    main()
