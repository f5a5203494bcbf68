"""Write images, labels and the probabilities of a model to an .npz file.

    python3 examples/tensorflow_addons/write_images.py saved_models/shapes/model.keras images.npz --data shapes

`fine_tune.py` reads the file without this package, and compares the probabilities with those of its own network.
"""

import argparse
from pathlib import Path

import numpy as np

import alexnet_keras


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a .keras file")
    parser.add_argument("output", type=Path, help="the .npz file to write")
    parser.add_argument("--data", default="shapes", help="a data set, as `alexnet-keras train` takes it")
    parser.add_argument("--train-images", type=int, default=1000, help="the most images for training")
    parser.add_argument("--validation-images", type=int, default=500, help="the most images for validation")
    arguments = parser.parse_args()
    if arguments.output.exists():
        parser.error(f"{arguments.output} exists; choose another name")

    arrays = {}
    try:
        model = alexnet_keras.load_model(arguments.model)
        splits = alexnet_keras.load_data(arguments.data, input_size=model.input_shape[1])
    except (alexnet_keras.OptionError, alexnet_keras.InputError) as error:
        parser.error(str(error))
    for split, dataset in zip(("train", "validation"), splits, strict=True):
        batches = dataset.unbatch().take(getattr(arguments, f"{split}_images")).batch(128)
        images, labels = zip(*batches.as_numpy_iterator(), strict=True)
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = np.concatenate(images), np.concatenate(labels)
    arrays["probabilities"] = model.predict(arrays["validation_images"], verbose=0)
    with arguments.output.open("xb") as file:
        np.savez(file, **arrays)


if __name__ == "__main__":
    main()
