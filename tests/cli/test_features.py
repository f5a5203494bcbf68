"""The command `features`: which images of which layer it asks for, and what it prints."""

import pytest
from support import cli, only_error


@pytest.fixture
def written(replaced):
    """What is handed to `features.write`."""
    return replaced("alexnet_keras.inference.features.write", (12, 32))


@pytest.mark.parametrize(
    ("options", "layer", "parts"),
    [
        ([], "fc7", ("train", "validation")),
        (["--part", "both"], "fc7", ("train", "validation")),
        (["--part", "train", "--layer", "conv1a"], "conv1a", ("train",)),
        (["--part", "validation"], "fc7", ("validation",)),
    ],
    ids=str,
)
def test_the_parts_and_the_layer_are_handed_on(options, layer, parts, written, trained, folder, tmp_path):
    assert cli("features", trained, "--data", folder, "--output", tmp_path / "f.npz", *options).code == 0
    ((path, network, *others, root), _) = written[0]
    assert (path, network.name, others[0], others[2]) == (tmp_path / "f.npz", "alexnet_tiny", layer, parts)
    assert root == folder.resolve()  # names of images are relative to it


def test_images_of_no_folder_have_no_root(written, trained, tmp_path):
    assert cli("features", trained, "--data", "shapes", "--output", tmp_path / "f.npz").code == 0
    assert written[0][0][-1] is None


def test_what_was_written_is_printed(written, trained, folder, tmp_path):
    output = tmp_path / "f.npz"
    arguments = ["features", trained, "--data", folder, "--layer", "fc6", "--output", output]
    assert cli(*arguments).out.splitlines() == [
        f"wrote     {output}",
        "features  12 x 32 float32, of fc6",
        "also      names, parts, labels, class_names",
    ]
    assert cli(*arguments, "--json").json == {"output": str(output), "layer": "fc6", "shape": [12, 32]}


def test_the_file_must_be_named(trained, written):
    result = cli("features", trained, "--data", "shapes")
    assert "Missing option '--output'" in only_error(result)
    assert (result.code, written) == (2, [])
    result = cli("features", trained, "--output", "f.npz")
    assert "is not in the folder of a run; name its data set with --data" in only_error(result)
    assert (result.code, written) == (2, [])
