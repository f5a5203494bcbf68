"""Classes of protocol buffer messages have the wire format that the schema describes."""

from alexnet_keras.system.protobuf import BYTES, INT64, STRING, message_classes


def test_a_message_has_the_wire_format_of_its_schema():
    classes = message_classes({"Outer": {"inner": (2, "Inner")}, "Inner": {"name": (1, STRING), "sizes": (3, INT64)}})
    outer = classes["Outer"]()
    outer.inner.add(name="ab", sizes=[1, 300])
    # The tag and the length of `inner`, then the tag, the length and the content of `name`.
    content = outer.SerializeToString()
    assert classes["Outer"].FromString(content) == outer
    assert content.startswith(bytes([2 << 3 | 2, len(content) - 2, 1 << 3 | 2, 2]) + b"ab")
    assert message_classes({"Single": {"raw": (1, BYTES)}})["Single"](raw=[b"x"]).SerializeToString() == b"\x0a\x01x"
