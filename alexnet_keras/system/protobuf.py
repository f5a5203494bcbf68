"""Protocol buffers: classes of messages that no installed package has, and a walk through any message."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_FIELD = descriptor_pb2.FieldDescriptorProto
STRING, BYTES = _FIELD.TYPE_STRING, _FIELD.TYPE_BYTES


def message_classes(schema: Mapping[str, Mapping[str, tuple[int, Any]]]) -> dict[str, Any]:
    """Make a class for each message of a schema.

    Args:
        schema: message -> field -> number and type: `STRING`, `BYTES` or the name of a message of the schema.
            Strings are optional fields. All others are repeated fields, which look the same as single ones on the wire.
    """
    file = descriptor_pb2.FileDescriptorProto(name="schema.proto", package="schema")
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = message.field.add(name=field, number=number)
            added.label = _FIELD.LABEL_OPTIONAL if kind == STRING else _FIELD.LABEL_REPEATED
            if isinstance(kind, str):
                added.type, added.type_name = _FIELD.TYPE_MESSAGE, f".schema.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"schema.{name}")) for name in schema}


def messages(message: Message) -> Iterator[Message]:
    """Yield a message and all messages inside it.

    Numbers and text are not read: Python would copy them, which takes 0.3 s for the weights of an AlexNet.
    """
    yield message
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            continue
        value = getattr(message, field.name)
        if isinstance(value, Message):
            value = [value] if message.HasField(field.name) else []
        for child in value.values() if isinstance(value, Mapping) else value:
            if isinstance(child, Message):  # the values of a map may be numbers or text, too
                yield from messages(child)
