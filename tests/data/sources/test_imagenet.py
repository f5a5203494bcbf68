"""ImageNet in every form: the same images, the same labels, and one message for who has none."""

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from support import cli, only_error
from support.class_folders import draw

from alexnet_keras.config.training import DataSource
from alexnet_keras.data import class_labels
from alexnet_keras.data.dataset import DataSet
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources import imagenet
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import AbsentError, InputError, OptionError

SYNSETS = ("n01440764", "n02119789", "n15075141")  # labels 0, 278 and 999
TRUTH = ("n01751748", "n09193705", "n02105855")  # of the validation images 1, 2 and 3


def color(label: int) -> tuple[int, int, int]:
    return 20 + label // 5, label % 200, 90


def jpeg(label: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 40), color(label)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def sizes(monkeypatch) -> None:
    """A copy of the archives' sizes, which `write_tars` replaces by those of its own archives."""
    monkeypatch.setattr(imagenet, "SIZES", dict(imagenet.SIZES))


def label_of(synset: str) -> int:
    return class_labels.synsets().index(synset)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_tars(folder: Path, train: dict[str, dict[str, bytes]], val: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    with tarfile.open(folder / imagenet.TRAIN_TAR, "w") as outer:
        for synset, members in train.items():
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as inner:
                for name, content in members.items():
                    add(inner, name, content)
            add(outer, f"{synset}.tar", buffer.getvalue())
    with tarfile.open(folder / imagenet.VAL_TAR, "w") as outer:
        for name, content in val.items():
            add(outer, name, content)
    imagenet.SIZES.update({name: (folder / name).stat().st_size for name in imagenet.SIZES})
    return folder


def drawn() -> tuple[dict[str, dict[str, bytes]], dict[str, bytes]]:
    train = {s: {f"{s}_{number}.JPEG": jpeg(label_of(s)) for number in (7, 12)} for s in SYNSETS}
    return train, {f"ILSVRC2012_val_{n:08}.JPEG": jpeg(label_of(synset)) for n, synset in enumerate(TRUTH, 1)}


def write_tree(root: Path, flat: bool) -> Path:
    train, val = drawn()
    for synset, members in train.items():
        (root / "train" / synset).mkdir(parents=True)
        for name, content in members.items():
            (root / "train" / synset / name).write_bytes(content)
    for synset, (name, content) in zip(TRUTH, val.items(), strict=True):
        folder = root / "val" if flat else root / "val" / synset
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return root


def check_labels(dataset: DataSet) -> None:
    """Every image has the colour of its label, every label is the synset's place among the sorted 1,000."""
    assert dataset.name == "imagenet"
    assert len(dataset.class_names) == 1000
    assert dataset.class_names == tuple(sorted(dataset.class_names))
    assert sorted(dataset.train.labels) == sorted(2 * [label_of(s) for s in SYNSETS])
    assert list(dataset.validation.labels) == [label_of(synset) for synset in TRUTH] or sorted(
        dataset.validation.labels
    ) == sorted(label_of(synset) for synset in TRUTH)
    for split in (dataset.train, dataset.validation):
        for index, label in enumerate(split.labels):
            image = tf.io.decode_image(split.read(tf.constant(index, tf.int64))).numpy().astype(int)
            assert np.abs(image[20, 20] - color(label)).max() <= 4


def test_labels_are_in_the_order_of_the_synsets_and_have_words():
    assert label_of("n01440764") == 0
    assert label_of("n15075141") == 999
    assert class_labels.readable("n15075141") == "toilet tissue"


def test_the_words_are_those_of_the_challenge(shared_data):
    lines = (shared_data / "imagenet_synset_words.txt").read_text().splitlines()
    expected = dict(line.split(" ", 1) for line in lines)
    assert tuple(expected) == class_labels.synsets()
    words = {
        synset: text.split(" (")[0] for synset, text in class_labels.imagenet_words().items()
    }  # crane (bird), (machine)
    assert words == expected


def test_the_tars_are_built_by_tfds_and_used_again(tmp_path):
    manual = write_tars(tmp_path / "manual", *drawn())
    source = DataSource(name="imagenet", data_dir=str(tmp_path / "data"), manual_dir=str(manual))
    dataset = open_dataset(source)
    check_labels(dataset)
    assert sorted(dataset.train.names)[0] == "n01440764_12.JPEG"
    assert (tmp_path / "data" / "imagenet2012").is_dir()
    shutil.rmtree(manual)
    check_labels(open_dataset(source))


def test_the_manual_folder_of_tfds_is_looked_into(tmp_path, monkeypatch):
    write_tars(tmp_path / "downloads" / "manual", *drawn())
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    check_labels(open_dataset("imagenet"))


def test_real_photographs_in_tars(shared_data, tmp_path):
    train: dict[str, dict[str, bytes]] = {}
    photographs = sorted((shared_data / "imagenet_samples").iterdir())
    for number, path in enumerate(photographs):
        synset = path.name.split("_")[0]
        train.setdefault(synset, {})[f"{synset}_{number}.JPEG"] = path.read_bytes()
    val = {f"ILSVRC2012_val_{n:08}.JPEG": path.read_bytes() for n, path in enumerate(photographs[:5], 1)}
    manual = write_tars(tmp_path / "manual", train, val)
    dataset = open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path), manual_dir=str(manual)))
    assert (len(dataset.train), len(dataset.validation)) == (len(photographs), 5)
    for name, label in zip(dataset.train.names, dataset.train.labels, strict=True):
        assert dataset.class_names[label] == name.split("_")[0]
    result = prepare(dataset, tmp_path / "shards", Settings(jobs=2))
    assert result.images == {"train": len(photographs), "validation": 5}
    assert 12_000 < result.bytes / (len(photographs) + 5) < 40_000
    prepared = open_dataset(str(tmp_path / "shards"))
    assert list(prepared.train.names) == list(dataset.train.names)
    np.testing.assert_array_equal(prepared.train.labels, dataset.train.labels)


@pytest.mark.parametrize("flat", [False, True])
def test_trees(flat, tmp_path):
    root = write_tree(tmp_path / "imagenet", flat)
    check_labels(open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path))))
    if flat:
        check_labels(open_dataset(str(root)))
        assert list(open_dataset(str(root)).validation.labels) == [label_of(synset) for synset in TRUTH]


def test_what_is_none_of_imagenets_is_named(tmp_path):
    root = write_tree(tmp_path / "imagenet", flat=True)
    (root / "val" / "holiday.jpg").write_bytes(jpeg(3))
    with pytest.raises(InputError, match=r"val/holiday.jpg has no label among the 50,000 of ILSVRC2012; move"):
        _ = open_dataset(str(root)).validation
    (root / "val" / "holiday.jpg").rename(root / "val" / "ILSVRC2012_val_00050001.JPEG")
    with pytest.raises(InputError, match=r"val_00050001.JPEG has no label among the 50,000 of ILSVRC2012; move it"):
        _ = open_dataset(str(root)).validation
    (root / "train" / "n00000001").mkdir()
    with pytest.raises(InputError, match=r"train/n00000001 is none of the 1,000 classes of ILSVRC2012; move it away"):
        _ = open_dataset(str(root)).train


def test_shards_come_first(tmp_path):
    root = write_tree(tmp_path / "imagenet", flat=True)
    prepare(open_dataset(str(root)), tmp_path / "imagenet-256", Settings(encoding="raw"))
    write_tars(tmp_path / "downloads" / "manual", {}, {})
    dataset = open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path)))
    assert dataset.train.read_batch is not None
    assert list(dataset.validation.labels) == [label_of(synset) for synset in TRUTH]
    again = open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path / "imagenet-256")))
    assert len(again.train) == 6
    halves = DataSource(name="imagenet", data_dir=str(tmp_path / "imagenet-256"), split="train[:50%],train[50%:]")
    with pytest.raises(OptionError, match=r"`split` train.*: .*imagenet-256 has its own; only data sets that TFDS has"):
        open_dataset(halves)


def test_a_tree_has_its_own_splits(tmp_path):
    root = write_tree(tmp_path / "imagenet", flat=False)
    with pytest.raises(
        OptionError, match=f"`split` train,validation: {root} has its own; only data sets that TFDS has"
    ):
        open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path), split="train,validation"))


def test_a_dry_run_builds_nothing(tmp_path):
    write_tars(tmp_path / "downloads" / "manual", *drawn())
    with pytest.raises(AbsentError, match="imagenet2012 is not built from the tars in .*; train without a dry run"):
        open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path)), build=False)
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


def test_who_has_none_is_told_what_to_get_and_where_to_put_it(tmp_path):
    result = cli("data", "check", "--data", "imagenet", "--data-dir", tmp_path, "--manual-dir", tmp_path / "m")
    assert result.code == 1
    message = only_error(result)
    for text in (
        f"shards in {tmp_path}",
        f"a TensorFlow Datasets build in {tmp_path}/imagenet2012",
        f"ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar in {tmp_path}/m",
        "train/<synset>/*.JPEG with val",
        "ILSVRC2012_img_train.tar (147.9 GB, 147,897,477,120 bytes)",
        "ILSVRC2012_img_val.tar (6.7 GB, 6,744,924,160 bytes)",
        f"put both into {tmp_path}/m",
        "https://image-net.org/download-images",
    ):
        assert text in message


@pytest.mark.parametrize("name", [imagenet.TRAIN_TAR, imagenet.VAL_TAR])
def test_a_tar_of_another_size_is_refused_before_it_is_built(name, tmp_path):
    manual = write_tars(tmp_path / "manual", *drawn())
    (manual / name).write_bytes((manual / name).read_bytes()[:700])
    message = rf"{name} has 700 bytes and not the {imagenet.SIZES[name]:,} of ImageNet's archive; download it again"
    with pytest.raises(InputError, match=message):
        open_dataset(DataSource(name="imagenet", data_dir=str(tmp_path / "data"), manual_dir=str(manual)))
    assert not (tmp_path / "data" / "imagenet2012").exists()


def test_a_build_that_ends_in_between_leaves_no_build(tmp_path, monkeypatch):
    manual = write_tars(tmp_path / "manual", *drawn())
    source = DataSource(name="imagenet", data_dir=str(tmp_path / "data"), manual_dir=str(manual))
    with monkeypatch.context() as patch:
        patch.setattr(tfds.core.GeneratorBasedBuilder, "_download_and_prepare", _full)
        with pytest.raises(InputError, match="could not be downloaded and prepared: .*No space left on device"):
            open_dataset(source)
    check_labels(open_dataset(source))


def _full(*arguments, **options):
    raise OSError(28, "No space left on device")


def test_kaggles_imagenet_by_its_folder(tmp_path):
    tree = tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC"
    synset = class_labels.synsets()[7]
    draw(tree / "train" / synset / "1.JPEG", "JPEG")
    for number in (1, 3):
        draw(tree / "val" / f"ILSVRC2012_val_{number:08}.JPEG", "JPEG")
    dataset = open_dataset(str(tmp_path / "kaggle"))
    assert dataset.name == "imagenet"
    assert list(dataset.train.labels) == [7]
    official = [dataset.class_names[label] for label in dataset.validation.labels]
    assert official == ["n01751748", "n02105855"]
    table = tmp_path / "kaggle" / "LOC_val_solution.csv"
    lines = [
        "ImageId,PredictionString",
        "ILSVRC2012_val_00000003,n03995372 85 1 499 272",  # other labels than the official ones
        "ILSVRC2012_val_00000002,n03481172 131 0 499 254",
        "ILSVRC2012_val_00000001,n02108000 38 0 464 280 n02108000 1 1 9 9",
    ]
    table.write_text("\n".join(lines))
    for root in (tmp_path / "kaggle", tree):
        dataset = open_dataset(str(root))
        assert [dataset.class_names[label] for label in dataset.validation.labels] == ["n02108000", "n03995372"]
    table.write_text("\n".join(lines[:3]))
    with pytest.raises(InputError, match="val_00000001.JPEG has no label in .*LOC_val_solution.csv; move it away"):
        _ = open_dataset(str(root)).validation
    table.write_text("\n".join([*lines[:3], "ILSVRC2012_val_00000001,dog 38 0"]))
    with pytest.raises(InputError, match="LOC_val_solution.csv has 'dog' in line 4, which is none of the 1,000 c"):
        _ = open_dataset(str(root)).validation
    with pytest.raises(OptionError, match="`fold` 1/2: .*kaggle has its own validation images; omit `fold`"):
        open_dataset(DataSource(name=str(tmp_path / "kaggle"), fold="1/2"))
