"""What a figure carries."""

from alexnet_keras.system.provenance import provenance


def test_provenance_names_versions_and_hardware():
    values = provenance("a processor", precision="float32")
    assert values["hardware"] == "a processor"
    assert values["versions"]["tensorflow"]
    assert set(values) == {"hardware", "precision", "python", "versions", "commit", "time"}
