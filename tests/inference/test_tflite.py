"""TFLite files that are damaged or that other programs wrote are refused in one line."""

import json
import zipfile

import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from alexnet_keras.inference import label_files, tflite
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.system.errors import InputError


def written(path, content, names=("blue", "green", "red"), **files):
    """Write a model with class names and metadata behind it, as `export` does."""
    path.write_bytes(content)
    files = {**label_files.encode(names), "metadata.json": b'{"quantize": "none"}', **files}
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, value)
    return path


def operators(model, options):
    return [operator for operator in model.subgraphs[0].operators if isinstance(operator.builtinOptions, options)]


def larger_tensor(model):
    shaped = [tensor for tensor in model.subgraphs[0].tensors if len(tensor.shape) == 4]
    shaped[len(shaped) // 2].shape[1] += 2**24


def larger_window(model):
    operators(model, schema.Pool2DOptionsT)[0].builtinOptions.filterWidth += 2**26


def other_buffers(model):
    """Let every constant have the content of the smallest one, which LiteRT reads beyond its end."""
    filled = [index for index, buffer in enumerate(model.buffers) if buffer.data is not None and len(buffer.data)]
    smallest = min(filled, key=lambda index: len(model.buffers[index].data))
    for tensor in model.subgraphs[0].tensors:
        if tensor.buffer in filled:
            tensor.buffer = smallest


@pytest.mark.parametrize("damage", [larger_tensor, larger_window, other_buffers])
def test_a_file_that_would_fill_the_memory_or_crash_the_process_is_refused(damage, exported, tmp_path):
    model = flatbuffer_utils.read_model(str(exported))
    damage(model)
    path = written(tmp_path / "m.tflite", bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    with pytest.raises(InputError, match=r"m.tflite is not a TFLite file that .* wrote, or it is damaged"):
        load_predictor(path).predict(np.zeros((1, 67, 67, 3), np.uint8))


HEADER = json.dumps(
    [[{"shape": shape, "dtype": "float32", "quantization": [0, 0]}] for shape in ([1, 67, 67, 3], [1, 3])]
)


@pytest.mark.parametrize(
    "program",
    [
        "pass",
        "print('[[', end='')",
        f"print({HEADER!r}, flush=True)",
        f"import sys; print({HEADER!r}, flush=True); sys.stdin.buffer.read(9); print('short')",
    ],
    ids=["no line", "half a line", "no outputs", "half of the outputs"],
)
def test_a_process_that_ends_early_is_one_message(program, exported, tmp_path, monkeypatch):
    runner = tmp_path / "runner.py"
    runner.write_text(program)
    monkeypatch.setattr(tflite, "PROGRAM", runner)
    path = written(tmp_path / "m.tflite", b"")
    with pytest.raises(InputError, match=r"m.tflite is not a TFLite file that .* wrote, or it is damaged"):
        load_predictor(path).predict(np.zeros((3, 67, 67, 3), np.uint8))


def test_the_process_ends_with_the_predictor(exported):
    before = psutil.Process().children()
    predictor = load_predictor(exported)
    (process,) = set(psutil.Process().children()) - set(before)
    predictor.predict(np.zeros((2, 67, 67, 3), np.uint8))
    del predictor
    assert not process.is_running()


def converted(function, *specs):
    module = tf.Module()
    module.serve = tf.function(function, input_signature=specs)
    return tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module).convert()


IMAGES = tf.TensorSpec((1, 67, 67, 3), tf.float32)


@pytest.mark.parametrize(
    ("function", "specs", "message"),
    [
        (
            lambda images, other: tf.reduce_mean(images, (1, 2)) + other,
            (IMAGES, tf.TensorSpec((1, 3), tf.float32)),
            r"takes float32 \(1, \d+.*\) and float32 \(.*\), but a classifier of images takes one input",
        ),
        (
            lambda images: (tf.reduce_mean(images, (1, 2)), tf.reduce_max(images, (1, 2))),
            (IMAGES,),
            r"returns float32 \(1, 3\) and float32 \(1, 3\), but a classifier returns one output",
        ),
        (
            lambda images: tf.reduce_mean(images, (1, 2)),
            (tf.TensorSpec((1, 67, 60, 3), tf.float32),),
            "takes images of 67 x 60 pixels, but images are cropped to squares of at most 256",
        ),
        (
            lambda images: tf.reduce_mean(tf.cast(images, tf.float32), (1, 2)),
            (tf.TensorSpec((1, 67, 67, 3), tf.int32),),
            r"takes int32 \(1, 67, 67, 3\), but a classifier of images takes one input",
        ),
    ],
    ids=["inputs", "outputs", "sides", "type"],
)
def test_another_signature_is_refused(function, specs, message, tmp_path):
    path = written(tmp_path / "m.tflite", converted(function, *specs))
    with pytest.raises(InputError, match=f"The model {path} {message}"):
        load_predictor(path)


def test_names_that_do_not_fit_are_refused(exported, tmp_path):
    with zipfile.ZipFile(exported) as archive:
        content = exported.read_bytes()[: min(entry.header_offset for entry in archive.infolist())]
    path = written(tmp_path / "m.tflite", content, names=("a", "b"))
    with pytest.raises(InputError, match=r"has 2 class names, but returns float32 \(1, 3\); export it again"):
        load_predictor(path)
    path = written(tmp_path / "n.tflite", content, **{"class_names.json": b" " * (label_files.LIMIT + 1)})
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("class_names.json").compress_size < 100_000
    with pytest.raises(InputError, match=r"n.tflite is not a TFLite file that .* wrote, or it is damaged"):
        load_predictor(path)
