"""Describe a TFLite file in TFLite's own metadata, which ML Kit, the Task Library and MediaPipe ask for.

The metadata are a FlatBuffer in the buffer `TFLITE_METADATA` of the model. Its schema is `metadata_schema.fbs`, version
1.1.0, of tensorflow/tflite-support. That project wrote such metadata, and ended in 2023.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

BUFFER = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"  # the oldest parser that knows all that is written here
# Values of the schema's enumerations and unions.
RGB = b"\x01"
TENSOR_AXIS_LABELS = b"\x02"
IMAGE_PROPERTIES = b"\x02"
NORMALIZATION_OPTIONS = b"\x01"


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
    image = builder.table({0: RGB})
    pixels = builder.table({0: builder.floats([0.0]), 1: builder.floats([1.0])})
    images = builder.table(
        {
            0: builder.text("image"),
            1: builder.text("RGB image, 0 to 255. The mean is subtracted inside the model."),
            3: builder.table({0: IMAGE_PROPERTIES, 1: image}),
            4: builder.tables([builder.table({0: NORMALIZATION_OPTIONS, 1: pixels})]),
            5: builder.table({0: builder.floats([255.0]), 1: builder.floats([0.0])}),
        }
    )
    file = builder.table({0: builder.text(labels), 2: TENSOR_AXIS_LABELS})
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
    builder.Finish(builder.table(model), IDENTIFIER)
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes the few kinds of values that the metadata have. The methods return offsets; a byte is `bytes`."""

    def text(self, value: str) -> int:
        return self.CreateString(value)

    def floats(self, values: Sequence[float]) -> int:
        return self._vector(values, self.PrependFloat32)

    def tables(self, tables: Sequence[int]) -> int:
        return self._vector(tables, self.PrependUOffsetTRelative)

    def table(self, fields: Mapping[int, int | bytes]) -> int:
        self.StartObject(max(fields) + 1)
        for position, field in fields.items():
            if isinstance(field, bytes):
                self.PrependUint8Slot(position, field[0], 0)
            else:
                self.PrependUOffsetTRelativeSlot(position, field, 0)
        return self.EndObject()

    def _vector(self, values: Sequence[Any], prepend: Any) -> int:
        self.StartVector(4, len(values), 4)
        for value in reversed(values):
            prepend(value)
        return self.EndVector()
