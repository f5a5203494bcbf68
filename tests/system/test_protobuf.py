"""Classes of protocol buffer messages have the wire format that the schema describes."""

from google.protobuf import descriptor_pb2, struct_pb2

from alexnet_keras.system.protobuf import BYTES, STRING, message_classes, messages


def test_a_message_has_the_wire_format_of_its_schema():
    classes = message_classes({"Outer": {"inner": (2, "Inner")}, "Inner": {"name": (1, STRING), "sizes": (3, BYTES)}})
    outer = classes["Outer"]()
    outer.inner.add(name="ab", sizes=[b"1", b"300"])
    # The tag and the length of `inner`, then the tag, the length and the content of `name`.
    content = outer.SerializeToString()
    assert classes["Outer"].FromString(content) == outer
    assert content.startswith(bytes([2 << 3 | 2, len(content) - 2, 1 << 3 | 2, 2]) + b"ab")
    assert message_classes({"Single": {"raw": (1, BYTES)}})["Single"](raw=[b"x"]).SerializeToString() == b"\x0a\x01x"


def test_every_message_is_walked_once():
    value = struct_pb2.Struct()
    value.update({"a": {"b": [1, {"c": None}]}, "d": "text"})
    found = list(messages(value))
    fields = [message for message in found if isinstance(message, struct_pb2.Value)]
    assert len(found) == len({id(message) for message in found}) == 10
    assert [message.WhichOneof("kind") for message in fields].count("struct_value") == 2
    assert sorted(message.string_value for message in fields if message.HasField("string_value")) == ["text"]

    file = descriptor_pb2.FileDescriptorProto(name="a", options=descriptor_pb2.FileOptions(java_package="b"))
    file.message_type.add(name="Outer").nested_type.add(name="Inner").field.add(name="x")
    kinds = [type(message).__name__ for message in messages(file)]
    assert kinds == ["FileDescriptorProto", "DescriptorProto", "DescriptorProto", "FieldDescriptorProto", "FileOptions"]
