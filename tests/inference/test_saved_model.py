"""SavedModels that other programs wrote: what would touch files or run code is refused before TensorFlow loads it."""

import re

import numpy as np
import pytest
import tensorflow as tf
from support import cli, only_error
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from alexnet_keras.benchmark import inference
from alexnet_keras.inference import label_files
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.inference.saved_model import OPERATIONS, SAVER, check_operations
from alexnet_keras.system.errors import InputError

IMAGES = tf.TensorSpec((None, 67, 67, 3), tf.float32, name="images")


def save(path, function, *specs, names=("a", "b"), **attributes):
    """Save a function as the signature of a SavedModel with class names, as `export` stores them."""
    module = tf.Module()
    for name, value in attributes.items():
        setattr(module, name, value)
    module.serve = tf.function(function, input_signature=specs)
    tf.saved_model.save(module, str(path), signatures=module.serve)
    for name, content in label_files.encode(names).items():
        (path / "assets" / name).write_bytes(content)
    return path


def halves(images):
    return {"probabilities": tf.fill((tf.shape(images)[0], 2), 0.5)}


class Thief(tf.saved_model.experimental.TrackableResource):
    """A resource that copies a file while it is loaded."""

    def __init__(self, source, target):
        super().__init__()
        self.source, self.target = str(source), str(target)

    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=())

    def _initialize(self):
        tf.io.write_file(self.target, tf.io.read_file(self.source))


def test_a_model_that_reads_and_writes_files_is_loaded_only_if_the_user_allows_it(tmp_path):
    (tmp_path / "secret").write_text("password")
    stolen = tmp_path / "stolen"
    path = save(tmp_path / "model", halves, IMAGES, thief=Thief(tmp_path / "secret", stolen))
    stolen.unlink(missing_ok=True)  # the initializer also runs while the model is saved
    with pytest.raises(InputError, match="has the operations ReadFile, WriteFile, .* `allow_all_operations=True`"):
        load_predictor(path)
    photo = tmp_path / "p.png"
    tf.io.write_file(str(photo), tf.io.encode_png(np.zeros((70, 70, 3), np.uint8)))
    result = cli("predict", path, photo)
    assert "ReadFile, WriteFile, which no export of this program has" in only_error(result)
    assert "pass --allow-all-operations" in result.err
    assert not stolen.exists()
    result = cli("predict", path, photo, "--allow-all-operations", "--json")
    assert [item["class"] for item in result.json[0]["predictions"]] == ["a", "b"]
    assert stolen.read_text() == "password"


def test_a_benchmark_loads_a_model_that_reads_files_only_if_the_user_allows_it(tmp_path, monkeypatch):
    monkeypatch.setattr(inference, "READ_BYTES", 2**20)
    path = save(tmp_path / "model", halves, IMAGES, thief=Thief(__file__, tmp_path / "stolen"))
    command = ("benchmark", "inference", path, "--rounds", 1)
    assert "If you trust its author, pass --allow-all-operations" in only_error(cli(*command))
    assert cli(*command, "--allow-all-operations").code == 0


def in_a_branch():
    tf.cond(tf.timestamp() > 0, lambda: tf.io.matching_files("*"), lambda: tf.constant([""]))


@pytest.mark.parametrize(
    ("operation", "found"),
    [
        (lambda: tf.raw_ops.SaveV2(prefix="x", tensor_names=["a"], shape_and_slices=[""], tensors=[1.0]), "Save"),
        (lambda: tf.print("text", output_stream="file:///tmp/x"), "Print, StringFormat"),
        (lambda: tf.numpy_function(lambda: 1, [], tf.int64), "PyFunc"),
        (in_a_branch, "MatchingFiles, Timestamp"),
        (lambda: tf.data.Dataset.from_tensors(1).reduce(0, lambda a, b: a), "ReduceDataset, TensorDataset"),
    ],
    ids=["checkpoint", "print", "Python", "in a branch", "data set"],
)
def test_operations_are_found_in_every_function(operation, found, tmp_path):
    def serve(images):
        operation()
        return halves(images)

    with pytest.raises(InputError, match=f"has the operations {found}, which no export of this program has"):
        load_predictor(save(tmp_path / "model", serve, IMAGES))


def test_a_function_cannot_hide_behind_an_allowed_name():
    graph = MetaGraphDef()
    graph.object_graph_def.SetInParent()
    function = graph.graph_def.library.function.add()
    function.signature.name = "ReluV7"
    function.node_def.add(op="Identity")
    with pytest.raises(InputError, match="has the operations ReluV7,"):
        check_operations("m", graph)
    function.signature.name = "save"
    function.node_def.add(op="SaveV2")
    check_operations("m", graph)  # as the function that TensorFlow adds, which nobody calls
    caller = graph.graph_def.library.function.add()
    caller.signature.name = "caller"
    caller.node_def.add(op="PartitionedCall").attr["f"].func.name = "save"
    with pytest.raises(InputError, match="has the operations Save,"):
        check_operations("m", graph)
    caller.node_def[0].attr["f"].func.name = "other"
    function.attr["api_implements"].s = b"other"
    with pytest.raises(InputError, match="has the operations Save,"):
        check_operations("m", graph)
    with pytest.raises(InputError, match="m is not a SavedModel that .* wrote"):
        check_operations("m", MetaGraphDef())  # TensorFlow 1, whose initializers are in the main graph


def test_no_operation_that_touches_files_is_allowed():
    words = (
        "File|(?<!On)Read(?!Variable)|Write|Save|Restore|Py|Print|Dataset|Iterator|Table|Record|Debug|ImmutableConst|Summary|"
        "Checkpoint|Remote|Rpc|Socket|Xla|Custom|Session|Queue|Send|Recv|Graph|Fact|Script|Shard"
    )
    forbidden = {re.sub(r"V\d+$", "", name) for name in dir(tf.raw_ops) if re.search(words, name)}
    assert len(forbidden) > 200
    assert forbidden & OPERATIONS == set()
    assert SAVER - forbidden == set()


@pytest.mark.parametrize(
    ("function", "specs", "names", "message"),
    [
        (
            lambda images, other: halves(images),
            (IMAGES, tf.TensorSpec((None,), tf.float32)),
            ("a", "b"),
            "takes float32 ",
        ),
        (lambda images: {**halves(images), "more": images}, (IMAGES,), ("a", "b"), "returns float32 .* and float32"),
        (
            halves,
            (tf.TensorSpec((None, None, None, 3), tf.float32),),
            ("a", "b"),
            r"takes float32 \(any, any, any, 3\)",
        ),
        (halves, (tf.TensorSpec((None, 300, 300, 3), tf.float32),), ("a", "b"), "takes images of 300 x 300 pixels"),
        (
            halves,
            (tf.TensorSpec((None, 67, 67, 1), tf.float32),),
            ("a", "b"),
            r"takes float32 \(any, 67, 67, 1\), but a classifier",
        ),
        (halves, (tf.TensorSpec(None, tf.float32),), ("a", "b"), r"takes float32 \(\), but a classifier"),
        (halves, (tf.TensorSpec((None, 67, 67, 3), tf.string),), ("a", "b"), r"takes string \(any, 67, 67, 3\), but"),
        (halves, (IMAGES,), ("a",), r"has 1 class names, but returns float32 \(any, 2\); export it again"),
    ],
    ids=["inputs", "outputs", "free sides", "large", "grey", "no rank", "text", "names"],
)
def test_another_signature_is_refused(function, specs, names, message, tmp_path):
    path = save(tmp_path / "model", function, *specs, names=names)
    with pytest.raises(InputError, match=f"The model {path} {message}"):
        load_predictor(path)


def test_files_of_another_kind_and_large_declarations_are_refused(tmp_path):
    path = save(tmp_path / "model", lambda images: {"p": halves(images)["probabilities"] + tf.zeros(2**28)[0]}, IMAGES)
    with pytest.raises(InputError, match="declares an array of 268435456 numbers, more than the limit of 134,217,728"):
        load_predictor(path)
    (path / "variables" / "variables.index").unlink()
    (path / "variables" / "variables.index").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="variables.index is a device, not a regular file"):
        load_predictor(path)


def test_a_damaged_fingerprint_is_one_line(tmp_path):
    path = save(tmp_path / "model", halves, IMAGES)
    assert load_predictor(path).class_names == ("a", "b")
    (path / "fingerprint.pb").write_bytes(b"\xff\xff")
    with pytest.raises(
        InputError, match="model is not a SavedModel that `alexnet-keras export` wrote, or it is damaged"
    ):
        load_predictor(path)
