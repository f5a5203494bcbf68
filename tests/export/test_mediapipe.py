"""MediaPipe's classifier reads the metadata of a TFLite file, and gives the probabilities of `predict`."""

import json
import subprocess
import venv

import numpy as np
import pytest
from support.train_tiny import NETWORK

from alexnet_keras.export import tflite
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.model.alexnet import AlexNet

MEDIAPIPE = "mediapipe==1.2.3"  # another protobuf than TensorFlow's, so it has an environment of its own
PROGRAM = """
import json, sys
import mediapipe, numpy
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]))
with vision.ImageClassifier.create_from_options(options) as classifier:
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=numpy.load(sys.argv[2]))
    (found,) = classifier.classify(image).classifications
print(json.dumps({category.category_name: category.score for category in found.categories}))
"""


@pytest.mark.slow
def test_mediapipe_gives_the_labels_and_probabilities_of_predict(tmp_path):
    names = ("n01440764", "green", "sea cucumber, holothurian")  # a synset, a word, and one with a comma
    model = AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3), class_names=names)
    tflite.write(model, tmp_path / "model.tflite")
    image = np.random.RandomState(0).randint(0, 256, (67, 67, 3), np.uint8)
    np.save(tmp_path / "image.npy", image)
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", MEDIAPIPE], check=True)
    command = [python, "-c", PROGRAM, tmp_path / "model.tflite", tmp_path / "image.npy"]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert sorted(found) == ["green", "sea cucumber, holothurian", "tench"]
    (expected,) = load_predictor(tmp_path / "model.tflite").predict(image[np.newaxis])
    np.testing.assert_allclose([found[label] for label in ("tench", *names[1:])], expected, atol=1e-6)
