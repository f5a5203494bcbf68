"""Load SavedModels whose operations only compute.

A SavedModel is a program. `tf.saved_model.load` runs its initializers, and a call runs its functions; both can read and
write any file of the user. A list of forbidden operations is not enough: a graph can hold another graph as text, as
`DatasetFromGraph` does, and more than a hundred operations of TensorFlow touch files. So the operations must be on a
list of allowed ones.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework.attr_value_pb2 import NameAttrList
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from alexnet_keras.inference import label_files
from alexnet_keras.inference.predictor import Predictor, unreadable
from alexnet_keras.inference.signature import Port, check_classes, check_elements, image_side
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import check_regular, read_bytes
from alexnet_keras.system.protobuf import messages

FINGERPRINT = "fingerprint.pb"
GRAPH_BYTES = 2**26  # of saved_model.pb; an export has less than a megabyte, because weights are in other files
# Without the number of the version, so that a new version of an operation is allowed, too. The operations that exports
# use today, and those that similar networks and preprocessing would use: arithmetic, arrays, images in memory, control.
OPERATIONS = frozenset(
    re.findall(
        r"\w+",
        """
        Abs Add AddN All Any ArgMax Assert AssignVariableOp AvgPool BatchMatMul BatchToSpaceND BiasAdd Bincount
        BitwiseAnd BitwiseOr BitwiseXor BroadcastTo Cast Ceil ClipByValue Concat Const Conv2D Cumsum DecodeBmp
        DecodeGif DecodeImage DecodeJpeg DecodePng DecodeRaw DepthwiseConv2dNative DisableCopyOnRead Einsum Elu
        Equal Exp ExpandDims ExtractJpegShape Fill Floor FloorDiv FloorMod FusedBatchNorm Gather GatherNd Greater
        GreaterEqual Identity IdentityN If LeftShift Less LessEqual Log LogicalAnd LogicalNot LogicalOr LRN MatMul
        Max Maximum MaxPool Mean Min Minimum Mod Mul Neg NoOp NotEqual OneHot OnesLike Pack Pad PartitionedCall
        Placeholder Pow PreventGradient Prod Range Rank ReadVariableOp RealDiv Reciprocal RegexFullMatch
        RegexReplace Relu Reshape ResizeArea ResizeBicubic ResizeBilinear Reverse RightShift Round Rsqrt
        ScaleAndTranslate Select Shape Sigmoid Sign Size Slice Softmax Softplus SpaceToBatchND SpaceToDepth Split
        SplitV Sqrt Square Squeeze StatefulPartitionedCall StatelessIf StatelessWhile StaticRegexFullMatch
        StaticRegexReplace StopGradient StridedSlice StringJoin StringLength StringSplit Sub Substr Sum Tanh
        TensorListFromTensor TensorListGetItem TensorListReserve TensorListSetItem TensorListStack Tile TopK
        Transpose TruncateDiv Unpack VarHandleOp VarIsInitializedOp Where While ZerosLike
        """,
    )
)
# TensorFlow writes the functions that save and restore variables into each SavedModel. It never runs them to load it.
SAVER = frozenset({"MergeV2Checkpoints", "Restore", "Save", "ShardedFilename"})


def load(path: Path, allow_all_operations: bool = False) -> Predictor:
    """Load a SavedModel that has only operations of our exports, or any if `allow_all_operations` is true."""
    for entry in path.rglob("*"):
        if not entry.is_dir():
            check_regular(entry)
    try:
        (graph,) = SavedModel.FromString(read_bytes(path / "saved_model.pb", GRAPH_BYTES)).meta_graphs
        if (path / FINGERPRINT).exists():  # TensorFlow prints a traceback if it is damaged
            FingerprintDef.FromString(read_bytes(path / FINGERPRINT, GRAPH_BYTES))
    except (DecodeError, ValueError) as error:
        raise unreadable(path, "a SavedModel") from error
    check_elements(
        str(path),
        ([side.size for side in found.dim] for found in messages(graph) if isinstance(found, TensorShapeProto)),
    )
    if not allow_all_operations:
        check_operations(path, graph)
    assets = {name: path / "assets" / name for name in (label_files.NAMES, label_files.LABELS)}
    files = {name: read_bytes(file, label_files.LIMIT) for name, file in assets.items() if file.exists()}
    names = label_files.decode(files, str(path))
    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
        sources, targets = ([_port(spec) for spec in ports.values()] for ports in (inputs, outputs))
    except Exception as error:  # TensorFlow raises OSError, KeyError, ValueError and errors of its own
        raise unreadable(path, "a SavedModel") from error
    side = image_side(str(path), sources)
    check_classes(str(path), targets, names)
    (source,), (target,) = inputs, outputs

    def predict(batch: np.ndarray) -> np.ndarray:
        return signature(**{source: tf.cast(batch, inputs[source].dtype)})[target].numpy()

    return Predictor(predict, side, names, str(path))


def _port(spec: tf.TensorSpec) -> Port:
    return Port(spec.shape.as_list() if spec.shape.rank is not None else [], spec.dtype.name)


def check_operations(path: Path, graph: MetaGraphDef) -> None:
    """Refuse a graph with operations that are not allowed, anywhere in it or in its functions."""
    if not graph.HasField("object_graph_def"):
        raise unreadable(path, "a SavedModel")
    functions = graph.graph_def.library.function
    called = set(graph.object_graph_def.concrete_functions)
    for function in functions:
        called |= {found.name for node in function.node_def for found in messages(node) if type(found) is NameAttrList}
        if "api_implements" in function.attr:  # TensorFlow may call it instead of another one
            called.add(function.signature.name)
    found = _operations(graph.graph_def.node) - OPERATIONS - SAVER
    for function in functions:
        name = function.signature.name
        found |= _operations(function.node_def) - OPERATIONS - (frozenset() if name in called else SAVER)
        found |= {name} if _base(name) in OPERATIONS | SAVER else set()  # it would replace the operation of this name
    if found:
        raise InputError(
            f"{path} has the operations {', '.join(sorted(found))}, which no export of this program has: they may read "
            "or write your files, or run code. If you trust its author, pass `allow_all_operations=True`."
        )


def _operations(nodes: Iterable[NodeDef]) -> set[str]:
    return {_base(node.op) for node in nodes}


def _base(operation: str) -> str:
    return re.sub(r"V\d+$", "", operation)
