"""The model card of a run: a README.md with the metadata that model hubs read."""

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alexnet_keras.config.citations import initial_weights
from alexnet_keras.config.command_line import in_words, train_words
from alexnet_keras.config.training import SHAPES, TrainConfig
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.inference.evaluation import INTERVAL, Evaluation
from alexnet_keras.system import atomic_files, file_list
from alexnet_keras.system.columns import error_labels
from alexnet_keras.system.progress import duration
from alexnet_keras.system.tables import markdown_lines
from alexnet_keras.system.terminal_text import listed, printable
from alexnet_keras.training import run_folder
from alexnet_keras.training.run_folder import Measured

HUB_NAMES = {"imagenet": "imagenet-1k", "imagenet2012": "imagenet-1k"}  # of data sets on huggingface.co
CLASSES = 10  # so many classes are listed
PAGE = """\
---
library_name: keras
pipeline_tag: image-classification
tags:
- alexnet
- image-classification
{datasets}metrics:
- accuracy
model-index:
- name: {quoted_name}
  results:
  - task:
      type: image-classification
    dataset:
      type: {identifier}
      name: {quoted_data}
      split: validation
    metrics:
{metrics}
---

# {name}

This AlexNet classifies images into {classes}. It was trained in Keras by
[alexnet-keras](https://github.com/alexnet-keras/alexnet-keras).

## Errors

{errors}

The errors are those of the central crop of each of {images:,} validation images. The best epoch was chosen with the
same images, so the errors are slightly optimistic. The intervals cover the choice of the images, but not the random
seed.

## Training

{facts}
{command}
## Use

```python
import alexnet_keras

model = alexnet_keras.load_model("model.keras")
print(alexnet_keras.predict(model, "photo.jpg"))
```

The model takes RGB images of {size} x {size} pixels with values from 0 to 255. It subtracts the mean colour itself.

## Intended use and limits

- The model is for research and teaching about the network of 2012. Newer networks make far fewer errors.
- It gives every image one of its classes, also an image of something else.
- The errors hold only for images like those of the validation split.
- The license of the weights depends on the terms of the training images, which this page does not know. Before you
  publish the model, add a line `license: ...` to the first lines of this file.

## Citation

```bibtex
@inproceedings{{krizhevsky2012imagenet,
  title = {{{{ImageNet}} Classification with Deep Convolutional Neural Networks}},
  author = {{Krizhevsky, Alex and Sutskever, Ilya and Hinton, Geoffrey E.}},
  booktitle = {{Advances in Neural Information Processing Systems 25}},
  pages = {{1097--1105}},
  year = {{2012}}
}}
```
"""
METRIC = """\
    - type: accuracy
      name: {} accuracy
      value: {:.6f}"""
COMMAND = """
This command repeats the training. It looks for local files in the current folder:

```bash
alexnet-keras train {}
```
"""


def write(run: Path, evaluation: Evaluation, origins: Mapping[str, Any]) -> None:
    """Write the model card of a run, unless the folder has a README.md that the user has written or changed."""
    path = run / run_folder.CARD
    if not os.path.lexists(path) or run_folder.CARD in run_folder.owned(run):
        with atomic_files.appear_whole(path, owner=run) as partial:
            partial.write_bytes(file_list.seal(_page(run, evaluation, origins)).encode())


def remove(run: Path) -> None:
    """Remove the model card of a run whose model will change, unless the user has written or changed it."""
    if run_folder.CARD in run_folder.owned(run):
        file_list.remove(run, run_folder.CARD)


def _page(run: Path, evaluation: Evaluation, origins: Mapping[str, Any]) -> str:
    config, measured = run_folder.read_config(run)
    name, data = run.resolve().name, _data_name(config)
    local = Path(config.data).is_absolute() or config.data == SHAPES  # and on no hub
    identifier = _quoted(HUB_NAMES.get(data, re.sub(r"[^\w.-]+", "-", data, flags=re.ASCII).strip("-.") or "data"))
    labels = distinct_labels(measured.class_names)
    metrics, errors = [], [("metric", "value", INTERVAL)]
    for kind, label in error_labels(len(labels)).items():
        error, (low, high) = getattr(evaluation, f"{kind}_error"), getattr(evaluation, f"{kind}_interval")
        metrics.append(METRIC.format(f"Top-{kind[-1]}", 1 - error))
        errors.append((label, f"{error:.2%}", f"{low:.2%} to {high:.2%}"))
    words = train_words(_without_folders(config))
    return PAGE.format(
        datasets="" if local else f"datasets:\n- {identifier}\n",
        quoted_name=_quoted(name),
        identifier=identifier,
        quoted_data=_quoted(data),
        metrics="\n".join(metrics),
        name=_plain(name),
        classes=f"{len(labels):,} classes: {_plain(listed(labels, CLASSES))}",
        errors="\n".join(markdown_lines(errors)),
        images=evaluation.num_images,
        facts="\n".join(markdown_lines([("", ""), *_facts(run, config, measured, origins).items()])),
        command=COMMAND.format(printable(words)) if words else "",
        size=config.input_size,
    )


def _facts(run: Path, config: TrainConfig, measured: Measured, origins: Mapping[str, Any]) -> dict[str, str]:
    config, history = _without_folders(config), run_folder.read_history(run)
    recipe, variant = in_words(config)
    start = f"random weights ({initial_weights(config.architecture)})"
    if measured.weights is not None:
        start = f"{', '.join(measured.weights.layers)} of {config.weights} (SHA-256 {measured.weights.sha256})"
        start += "" if config.freeze == "none" else f"; frozen up to {config.freeze}"
    minutes = run_folder.minutes_of(history)
    versions = {"Python": origins["python"], **origins["versions"]}
    images = f"{measured.train_images:,} training and {measured.validation_images:,} validation images"
    facts = {
        "network": f"variant {variant}",
        "recipe": recipe,
        "data": f"{_data_name(config)}: {images}",
        "start": f"{start}; random seed {config.seed}",
        "epochs": f"{len(history):,}; the best one is {run_folder.best_epoch(history)}",
        "time": f"{duration(60 * minutes)} {'hours' if minutes >= 60 else 'minutes'}",
        "precision": measured.policy,
        "hardware": origins["hardware"],
        "versions": ", ".join(f"{package} {version}" for package, version in versions.items() if version),
        "commit": origins["commit"] or "unknown",
        "date": origins["time"],
    }
    return {name: _plain(value) for name, value in facts.items()}


def _data_name(config: TrainConfig) -> str:
    """The data set without its folders, or without the version and settings of a TFDS data set."""
    return Path(config.data).name if Path(config.data).is_absolute() else re.split("[:/]", config.data)[0]


def _without_folders(config: TrainConfig) -> TrainConfig:
    """Return a configuration that names its files without the folders of this machine."""
    data = Path(config.data).name if Path(config.data).is_absolute() else config.data
    weights = Path(config.weights).name if config.weights else None
    return dataclasses.replace(config, data=data, weights=weights, data_dir=None, manual_dir=None)


def _quoted(text: str) -> str:
    """Return text as a string of JSON, which is one of YAML, too."""
    return json.dumps(printable(text), ensure_ascii=False)


def _plain(text: str) -> str:
    """Return text in which Markdown finds no markup."""
    return re.sub(r"([\\`*_{}\[\]<>#~&])", r"\\\1", printable(text))
