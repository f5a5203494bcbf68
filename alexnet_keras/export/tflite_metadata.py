"""Describe a TFLite file in TFLite's own metadata, which ML Kit, the Task Library and MediaPipe ask for.

The metadata are a FlatBuffer in the buffer `TFLITE_METADATA` of the model. Its schema is `metadata_schema.fbs`, version
1.1.0, of tensorflow/tflite-support. That project wrote such metadata, and ended in 2023.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

BUFFER = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"  # the oldest parser that knows all that is written here
# Values of the schema's enumerations and unions.
RGB = 1
TENSOR_AXIS_LABELS = 2
IMAGE_PROPERTIES = 2
NORMALIZATION_OPTIONS = 1


def described(model: bytes, name: str, classes: int, labels: str) -> bytes:
    """Return a TFLite file with metadata.

    They say that the input is an RGB image of raw pixels, 0..255, which must not be scaled (mean 0 and standard
    deviation 1), and that each output is the probability of the class on the same line of a file of labels.
    """
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = BUFFER, len(content.buffers)
    buffer.data = metadata(name, classes, labels)
    content.metadata.append(entry)
    content.buffers.append(buffer)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def metadata(name: str, classes: int, labels: str) -> bytes:
    """Return the FlatBuffer of the metadata; the arguments are those of `described`."""
    builder = _Builder(1024)
    # The numbers are the positions of the fields in the tables of the schema.
    image = builder.table({0: builder.byte(RGB)})
    pixels = builder.table({0: builder.floats([0.0]), 1: builder.floats([1.0])})
    images = builder.table(
        {
            0: builder.text("image"),
            1: builder.text("RGB image, 0 to 255. The mean is subtracted inside the model."),
            3: builder.table({0: builder.byte(IMAGE_PROPERTIES), 1: image}),
            4: builder.tables([builder.table({0: builder.byte(NORMALIZATION_OPTIONS), 1: pixels})]),
            5: builder.table({0: builder.floats([255.0]), 1: builder.floats([0.0])}),
        }
    )
    file = builder.table({0: builder.text(labels), 2: builder.byte(TENSOR_AXIS_LABELS)})
    probabilities = builder.table(
        {
            0: builder.text("probability"),
            1: builder.text(f"Probabilities of {classes:,} classes."),
            5: builder.table({0: builder.floats([1.0]), 1: builder.floats([0.0])}),
            6: builder.tables([file]),
        }
    )
    graph = builder.table({2: builder.tables([images]), 3: builder.tables([probabilities])})
    description = "Classifies an image: AlexNet (Krizhevsky, Sutskever and Hinton 2012)."
    model = {0: builder.text(name), 1: builder.text(description), 3: builder.tables([graph]), 7: builder.text(PARSER)}
    builder.Finish(builder.table(model).offset, IDENTIFIER)
    return bytes(builder.Output())


class _Field:
    """A value of a table: a byte, or the offset of what was written before."""

    def __init__(self, offset: int = 0, byte: int = 0) -> None:
        self.offset, self.byte = offset, byte


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes the few kinds of values that the metadata have."""

    def byte(self, value: int) -> _Field:
        return _Field(byte=value)

    def text(self, value: str) -> _Field:
        return _Field(self.CreateString(value))

    def floats(self, values: Sequence[float]) -> _Field:
        return self._vector(values, self.PrependFloat32)

    def tables(self, tables: Sequence[_Field]) -> _Field:
        return self._vector([table.offset for table in tables], self.PrependUOffsetTRelative)

    def table(self, fields: dict[int, _Field]) -> _Field:
        self.StartObject(max(fields) + 1)
        for position, field in fields.items():
            if field.offset:
                self.PrependUOffsetTRelativeSlot(position, field.offset, 0)
            else:
                self.PrependUint8Slot(position, field.byte, 0)
        return _Field(self.EndObject())

    def _vector(self, values: Sequence[Any], prepend: Any) -> _Field:
        self.StartVector(4, len(values), 4)
        for value in reversed(values):
            prepend(value)
        return _Field(self.EndVector())
