"""A SavedModel answers the requests of TensorFlow Serving in a process that cannot import this package."""

import base64
import dataclasses
import hashlib
import http.server
import io
import json
import re
import shutil
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support import CLASS_NAMES, ROOT, cli
from tensorflow.core.framework.tensor_pb2 import TensorProto

from alexnet_keras.data.decode import decode
from alexnet_keras.data.image_ops import center_crop, resize_and_crop
from alexnet_keras.export import onnx, saved_model, tflite
from alexnet_keras.inference.classify import classify, read_image
from alexnet_keras.inference.predictor import ImagePreparation, load_predictor
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model

SERVING_PAGE = (ROOT / "docs" / "tutorials" / "serving.md").read_text()


@pytest.fixture(scope="module")
def served(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "model"
    saved_model.write(load_model(trained), path)
    return path


@pytest.fixture(scope="module")
def signatures(served):
    return tf.saved_model.load(str(served)).signatures


TURNED = Image.Exif()
TURNED[0x0112] = 6  # turn it to the right


def image(kind="JPEG", size=(90, 300), mode="RGB", **options):
    pixels = np.random.RandomState(0).randint(0, 256, (*size[::-1], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def test_images_of_both_types_in_batches_of_any_size(served, signatures, trained):
    original, loaded = load_predictor(trained), tf.saved_model.load(str(served))
    for count in (1, 3, 7):
        images = np.random.RandomState(count).randint(0, 256, (count, 67, 67, 3), dtype=np.uint8)
        expected = original.predict(images)
        for serve, dtype in (
            (signatures["serving_default"], np.float32),
            (signatures["serve_uint8"], np.uint8),
            (loaded.serve, np.float32),
            (loaded.serve, np.uint8),
        ):
            result = serve(images=tf.constant(images.astype(dtype)))["probabilities"]
            np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize(
    "encoded",
    [
        image(),
        image(size=(1000, 333)),
        image("PNG"),
        image("PNG", mode="RGBA"),
        image("JPEG", mode="CMYK"),
        image(exif=TURNED),
    ],
    ids=["wide", "large", "png", "transparent", "cmyk", "turned"],
)
def test_encoded_images_are_cropped_as_predict_does(encoded, signatures, trained, tmp_path):
    (tmp_path / "image").write_bytes(encoded)
    (row,) = classify(load_predictor(trained), [tmp_path / "image"], top=5)
    expected = row["predictions"]
    result = signatures["serve_jpeg"](encoded=tf.constant([image(), encoded]))
    assert result["classes"].shape == result["probabilities"].shape == (2, 3)  # all three classes
    assert [name.decode() for name in result["classes"][1].numpy()] == [item["class"] for item in expected]
    probabilities = [item["probability"] for item in expected]
    # TensorFlow's operators round a few values to the next grey level, because they add in another order.
    np.testing.assert_allclose(result["probabilities"][1], probabilities, atol=1e-4)
    by_tensorflow = center_crop(resize_and_crop(decode(tf.constant(encoded))), 67).numpy()
    differences = np.abs(by_tensorflow - read_image(encoded, 67).astype(int))
    assert differences.max() <= 1
    assert differences.mean() < 1e-3


def test_images_stay_as_they_are_stored_if_the_run_left_them_so(trained, tmp_path):
    saved_model.write(load_model(trained), tmp_path / "model", ImagePreparation(upright=False))
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serve_jpeg"]
    plain, turned = serve(encoded=tf.constant([image(), image(exif=TURNED)]))["probabilities"]
    np.testing.assert_allclose(plain, turned, atol=1e-6)


def test_no_more_than_five_classes(tiny, tmp_path):
    names = tuple("abcdefg")
    model = AlexNet(dataclasses.replace(tiny, towers=1), classes=7, input_shape=(67, 67, 3), class_names=names)
    saved_model.write(model, tmp_path / "model")
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serve_jpeg"]
    result = serve(encoded=tf.constant([image()]))
    assert result["classes"].shape == (1, 5)
    assert np.all(np.diff(result["probabilities"]) <= 0)


HUGE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (10**6).to_bytes(4) * 2 + b"\x08\x02\0\0\0"


def with_scans(count):
    """Repeat the last scan of a progressive JPEG of 600 x 600 pixels."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((600, 600, 3), np.uint8)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    return content[:-2] + content[content.rindex(b"\xff\xda") : -2] * count + content[-2:]


@pytest.mark.parametrize("encoded", [b"", b"no image", image()[:500], image("PNG")[:-300], HUGE, with_scans(4000)])
def test_bytes_that_are_no_image_fail_only_their_own_request(encoded, signatures):
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["serve_jpeg"](encoded=tf.constant([image(), encoded]))
    assert signatures["serve_jpeg"](encoded=tf.constant([image()]))["classes"].shape == (1, 3)


def test_it_serves_where_this_package_cannot_be_imported(served, tmp_path):
    (tmp_path / "p.jpg").write_bytes(image())
    code = (
        "import sys\n"
        "sys.modules['alexnet_keras'] = sys.modules['keras'] = None\n"
        "import tensorflow as tf\n"
        "signatures = tf.saved_model.load(sys.argv[1]).signatures\n"
        "print(signatures['serving_default'](images=tf.zeros((3, 67, 67, 3)))['probabilities'].shape)\n"
        "print(signatures['serve_jpeg'](encoded=tf.constant([open('p.jpg', 'rb').read()]))['classes'].shape)\n"
    )
    command = [sys.executable, "-c", code, served]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.stdout == "(3, 3)\n(1, 3)\n", result.stderr


def test_class_names_are_assets(served):
    assert tuple((served / "assets" / "labels.txt").read_text().splitlines()) == CLASS_NAMES
    assert json.loads((served / "assets" / "class_names.json").read_text()) == list(CLASS_NAMES)


def test_hard_class_names_survive_every_format(tiny, tmp_path):
    names = ("red\ngreen", "\u2028", "", " a ", "\x1b[2J", "b\r", "\\n", "\x85", "日本")
    network = dataclasses.replace(tiny, towers=1)
    model = AlexNet(network, classes=len(names), input_shape=(67, 67, 3), class_names=names)
    for write, name in (
        (saved_model.write, "saved_model"),
        (tflite.write, "m.tflite"),
        (onnx.write, "m.onnx"),
        (keras.Model.save, "m.keras"),
        (archive.write, "m.alexnet"),
    ):
        write(model, tmp_path / name)
        assert load_predictor(tmp_path / name).class_names == names, name
    (tmp_path / "p.png").write_bytes(image("PNG"))
    printed = cli("predict", tmp_path / "m.tflite", tmp_path / "p.png", "--top", 9).out
    assert len(printed.splitlines()) == 1 + 9
    assert "\x1b" not in printed
    assert r"\x1b[2J" in printed
    serve = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serve_jpeg"]
    assert {name.decode() for name in serve(encoded=tf.constant([image()]))["classes"].numpy()[0]} <= set(names)


def decode_rest(body, signature):
    """Tensors of a request in TensorFlow Serving's row format, by the types and shapes of the signature."""
    (spec,) = signature.structured_input_signature[1].values()

    def value(instance):
        return base64.b64decode(instance["b64"]) if isinstance(instance, dict) else instance

    return {spec.name: tf.constant([value(instance) for instance in body["instances"]], spec.dtype)}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_rest_request_of_the_serving_tutorial_takes_a_large_photograph(signatures, tmp_path):
    (command,) = re.findall(r"^(\{ printf .*\n.*curl .*)$", SERVING_PAGE, re.MULTILINE)
    photograph = image(size=(2200, 1900), quality=99)
    assert len(photograph) > 5_000_000
    (tmp_path / "photo.jpg").write_bytes(photograph)
    received = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.handle_request).start()
        here = command.replace("localhost:8501", f"127.0.0.1:{server.server_port}")
        subprocess.run(["bash", "-c", here], cwd=tmp_path, check=True, timeout=60)
    ((path, sent_body),) = received
    assert path == "/v1/models/alexnet:predict"
    body = json.loads(sent_body)
    assert body["signature_name"] == "serve_jpeg"
    signature = signatures[body["signature_name"]]
    tensors = decode_rest(body, signature)
    (sent,) = next(iter(tensors.values())).numpy()
    assert sent == photograph
    assert signature(**tensors)["classes"].shape == (1, 3)
    images = np.random.RandomState(0).randint(0, 256, (2, 67, 67, 3)).tolist()  # JSON has no uint8: numbers
    signature = signatures["serving_default"]
    assert signature(**decode_rest({"instances": images}, signature))["probabilities"].shape == (2, 3)


def test_warm_up_requests_fit_their_signatures(served, signatures):
    found = set()
    for record in tf.data.TFRecordDataset(str(served / "assets.extra" / "tf_serving_warmup_requests")):
        (predict_log,) = saved_model.SERVING["PredictionLog"].FromString(record.numpy()).predict_log
        (request,) = predict_log.request
        (model_spec,), (entry,) = request.model_spec, request.inputs
        tensor = tf.make_ndarray(TensorProto.FromString(*entry.value))
        result = signatures[model_spec.signature_name](**{entry.key: tf.constant(tensor)})
        assert len(result["probabilities"]) == 1
        found.add(model_spec.signature_name)
    assert found == {"serving_default", "serve_uint8", "serve_jpeg"}


def test_warm_up_requests_are_those_of_the_serving_api():
    """The bytes that `PredictionLog` of tensorflow-serving-api has for the same request."""
    short = saved_model.prediction_log("serving_default", "images", tf.make_tensor_proto(np.zeros(2, np.float32)))
    request = b"\x0a\x11\x1a\x0fserving_default" + b"\x12\x1c\x0a\x06images\x12\x12"
    assert short == b"\x32\x33\x0a\x31" + request + bytes.fromhex("080112041202080222080000000000000000")
    long = saved_model.prediction_log(
        "serving_default", "images", tf.make_tensor_proto(np.arange(300, dtype=np.float32))
    )
    assert hashlib.sha256(long).hexdigest() == "8a55eaf6ddc391eacf391d1070810931acb2ffa7d8a4bccbf171f13a2fe81d53"
