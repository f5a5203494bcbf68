"""Files of PyTorch: tensors are read without PyTorch, and no pickle is executed."""

import pickle
import zipfile

import numpy as np
import pytest
from support.weight_files import (
    checkpoint,
    legacy_pth,
    name,
    number,
    numbers,
    pth,
    state_dict,
    state_dict_of_python2,
    text,
)

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError
from alexnet_keras.weights import pytorch, trained_weights

ONES = {"x": np.ones(2, "float32")}


@pytest.mark.parametrize("write", [pth, legacy_pth])
def test_tensors_of_a_pth_by_name_type_and_stride(write, tmp_path):
    arrays = {"module.a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.arange(4, dtype="float16")}
    arrays["turned"] = np.asfortranarray(np.arange(6, dtype="float32").reshape(3, 2))
    read = pytorch.read(write(tmp_path / "a.pth", arrays))
    assert list(read) == list(arrays)
    for value, expected in zip(read.values(), arrays.values(), strict=True):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


def test_a_checkpoints_state_dict_is_found(tmp_path):
    arrays = {"x": np.ones(2, "float32")}
    inner = state_dict(arrays)[2:-1]
    pickled = b"\x80\x02}(" + text("epoch") + number(3) + text("state_dict") + inner + b"u."
    np.testing.assert_array_equal(pytorch.read(pth(tmp_path / "a.pth", arrays, pickled))["x"], arrays["x"])


def test_pytorch_itself_agrees(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer = torch.nn.Conv2d(3, 4, 5)
    state = {**layer.state_dict(), "half": torch.arange(4).to(torch.bfloat16), "turned": torch.rand(3, 2).T}
    for zipped in (True, False):
        torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        read = pytorch.read(tmp_path / "a.pth")
        assert list(read) == list(state)
        for key, value in state.items():
            np.testing.assert_array_equal(read[key].astype("float32"), value.float().numpy())


@pytest.mark.parametrize(
    ("module", "what"), [("posix", "system"), ("builtins", "eval"), ("torch.nn.modules.conv", "Conv2d")]
)
def test_code_that_a_pickle_names_is_never_run(module, what, tmp_path):
    pickled = b"\x80\x02" + name(module, what) + b"(" + text("touch ran") + b"tR."
    path = pth(tmp_path / "a.pth", {"x": np.ones(2, "float32")}, pickled)
    with pytest.raises(
        InputError, match=f"a.pth has no state dict, but an object of '{module}.{what}', whose code is never run here"
    ):
        trained_weights.read(path)
    assert [item.name for item in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02}.", "has no state dict; save"),
        (
            b"\x80\x02(i__main__\nA\n.",
            "has the pickle instruction INST, which no weights need, so it is not read; save",
        ),
        (state_dict(ONES)[:-1], "is not a PyTorch file, or is damaged .pickle exhausted before seeing STOP"),
        (state_dict({"x": np.ones(3, "float32")}), "has a storage '0' of 8 bytes, not 3 numbers"),
        (
            state_dict(ONES).replace(numbers((2,)) + numbers((1,)), numbers((2,)) + numbers((9,))),
            r"has a tensor of shape \(2,\) in a storage of 2 numbers",
        ),
        (
            state_dict(ONES).replace(numbers((2,)), numbers((-2,))),
            "calls torch._utils._rebuild_tensor_v2 with other arg",
        ),
        (state_dict(ONES).replace(text("storage"), text("station")), "has a tensor in a storage of an unknown kind"),
    ],
)
def test_a_damaged_pth(pickled, message, tmp_path):
    with pytest.raises(InputError, match=f"a.pth {message}"):
        trained_weights.read(pth(tmp_path / "a.pth", ONES, pickled))


def test_a_zip_that_is_not_pytorchs_and_a_truncated_old_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("a.txt", "")
    with pytest.raises(InputError, match="a.pth has none of the formats .keras, .* and .h5; convert it, or check"):
        trained_weights.read(tmp_path / "a.pth")
    path = legacy_pth(tmp_path / "b.pth", ONES)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="b.pth is truncated"):
        trained_weights.read(path)
    path.write_bytes(pickle.dumps(1, protocol=2))
    with pytest.raises(InputError, match="b.pth is a pickle, but PyTorch did not write it; save"):
        trained_weights.read(path)


def test_pytorch_computes_the_same_network(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch import nn

    torch.manual_seed(0)

    def conv(inputs, outputs, size, **options):
        return [nn.Conv2d(inputs, outputs, size, **options), nn.ReLU()]

    class Network(nn.Module):
        """torchvision's alexnet, narrow."""

        def __init__(self):
            super().__init__()
            pool = nn.MaxPool2d(3, 2)
            first = [*conv(3, 8, 11, stride=4, padding=2), pool, *conv(8, 12, 5, padding=2), pool]
            last = [*conv(12, 12, 3, padding=1), *conv(12, 8, 3, padding=1), *conv(8, 6, 3, padding=1), pool]
            self.features = nn.Sequential(*first, *last)
            fc = [nn.Linear(6 * 9, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 3)]
            self.classifier = nn.Sequential(nn.Dropout(), *fc)

        def forward(self, x):
            return self.classifier(torch.flatten(self.features(x), 1))

    network = Network().eval()
    torch.save(network.state_dict(), tmp_path / "a.pth")
    images = np.random.RandomState(6).randint(0, 256, (2, 131, 131, 3), dtype=np.uint8)
    mean, stddev = (torch.tensor(values) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    inputs = ((torch.tensor(images) / 255 - mean) / stddev).permute(0, 3, 1, 2)
    model = AlexNet(
        "owt",
        classes=3,
        input_shape=(131, 131, 3),
        weights=tmp_path / "a.pth",
        filters=(8, 12, 12, 8, 6),
        hidden_units=(10, 12),
        classifier_activation=None,
    )
    np.testing.assert_allclose(model(images), network(inputs).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_python_2_and_pytorch_0_2(torchvision, assert_torchvisions, tmp_path):
    """Like alexnet_places365.pth.tar, whose features are in a DataParallel."""
    tensors = {name.replace("features.", "features.module."): value for name, value in torchvision.items()}
    pickled = checkpoint(arch=b"U\x07alexnet.", state_dict=state_dict_of_python2(tensors))
    assert_torchvisions(trained_weights.read(legacy_pth(tmp_path / "alexnet.pth.tar", tensors, pickled)))
