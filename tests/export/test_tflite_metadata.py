"""TFLite's metadata say how to use a file to programs that do not know this package."""

import struct

import flatbuffers
import numpy as np
from flatbuffers import encode, number_types
from tensorflow.lite.python import schema_py_generated as schema

from alexnet_keras.export import tflite_metadata
from alexnet_keras.inference import label_files


class Table:
    """A table of a FlatBuffer, read by the positions of its fields alone."""

    def __init__(self, content, start):
        self.table = flatbuffers.table.Table(content, start)

    def place(self, position):
        offset = self.table.Offset(4 + 2 * position)
        return self.table.Pos + offset if offset else None

    def byte(self, position):
        return self.table.Get(number_types.Uint8Flags, self.place(position))

    def text(self, position):
        return self.table.String(self.place(position)).decode()

    def child(self, position):
        return Table(self.table.Bytes, self.table.Indirect(self.place(position)))

    def children(self, position):
        offset = self.place(position) - self.table.Pos
        start, count = self.table.Vector(offset), self.table.VectorLen(offset)
        return [Table(self.table.Bytes, self.table.Indirect(start + 4 * index)) for index in range(count)]

    def floats(self, position):
        offset = self.place(position) - self.table.Pos
        return list(
            struct.unpack_from(f"<{self.table.VectorLen(offset)}f", self.table.Bytes, self.table.Vector(offset))
        )


def test_every_field_is_where_the_schema_has_it():
    content = tflite_metadata.metadata("alexnet_paper", 1000, label_files.LABELS)
    assert content[4:8] == b"M001"
    model = Table(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))
    assert (model.text(0), model.text(7)) == ("alexnet_paper", "1.0.0")
    (graph,) = model.children(3)
    (images,), (probabilities,) = graph.children(2), graph.children(3)
    assert images.text(0) == "image"
    assert images.child(3).byte(0) == 2  # ImageProperties
    assert images.child(3).child(1).byte(0) == 1  # RGB
    (unit,) = images.children(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    assert (unit.child(1).floats(0), unit.child(1).floats(1)) == ([0.0], [1.0])
    assert (images.child(5).floats(0), images.child(5).floats(1)) == ([255.0], [0.0])
    assert probabilities.text(1) == "Probabilities of 1,000 classes."
    (labels,) = probabilities.children(6)
    assert (labels.text(0), labels.byte(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


def test_a_file_keeps_its_other_buffers(tmp_path):
    model, graph, weights, entry = schema.ModelT(), schema.SubGraphT(), schema.BufferT(), schema.MetadataT()
    weights.data = np.arange(200, dtype=np.uint8)
    entry.name, entry.buffer = "min_runtime_version", 1
    model.version, model.buffers, model.subgraphs, model.metadata = 3, [schema.BufferT(), weights], [graph], [entry]
    builder = flatbuffers.Builder(64)
    builder.Finish(model.Pack(builder), b"TFL3")
    described = tflite_metadata.described(bytes(builder.Output()), "tiny", 3, label_files.LABELS)
    found = schema.ModelT.InitFromPackedBuf(described, 0)
    assert [each.name for each in found.metadata] == [b"min_runtime_version", b"TFLITE_METADATA"]
    np.testing.assert_array_equal(found.buffers[1].data, weights.data)
    assert bytes(found.buffers[found.metadata[1].buffer].data) == tflite_metadata.metadata("tiny", 3, "labels.txt")
