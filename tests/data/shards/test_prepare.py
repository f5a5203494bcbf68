"""`data prepare`: once, whole, the same bytes each time, and on from where it was killed."""

import dataclasses
import fcntl
import json
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import cli, draw_folder
from support.processes import Program

from alexnet_keras.data import shards
from alexnet_keras.data.dataset import DataSet
from alexnet_keras.data.shards import prepare
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(prepare, "IMAGES_PER_SHARD", 4)


@pytest.fixture
def colors(tmp_path):
    return draw_folder(tmp_path / "colours")


def run(source, output, **options):
    return prepare.prepare(open_dataset(str(source)), output, Settings(**options))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The shards of a drawn data set."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "IMAGES_PER_SHARD", 4)
        run(draw_folder(root / "colours"), root / "out")
    return root / "out"


@pytest.fixture
def out(finished, tmp_path):
    """A copy of these shards, beside an equal data set."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_every_image_once_with_its_label_and_source(colors, tmp_path):
    result = run(colors, tmp_path / "out")
    assert result.images == {"train": 12, "validation": 9}
    assert (result.shards, result.resumed_shards, result.bad) == (6, 0, ())
    assert result.bytes == sum(path.stat().st_size for path in (tmp_path / "out").glob("*-0000?.npy"))
    source, stored = open_dataset(str(colors)), open_dataset(str(tmp_path / "out"))
    assert list(stored.train.names) == list(source.train.names)
    np.testing.assert_array_equal(stored.validation.labels, source.validation.labels)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if "train" in path.name) == sorted(
        f"train-0000{number}{ending}"
        for number in range(3)
        for ending in (".npy", ".index.npy", ".notes.npz", ".sources.json")
    )


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_the_bytes_do_not_depend_on_the_threads(colors, tmp_path, encoding):
    run(colors, tmp_path / "one", encoding=encoding, jobs=1)
    run(colors, tmp_path / "five", encoding=encoding, jobs=5)
    assert contents(tmp_path / "one") == contents(tmp_path / "five")


def test_a_second_call_makes_nothing_again(colors, out):
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.npy")}
    result = run(colors, out)
    assert (result.shards, result.resumed_shards, result.images_per_second) == (6, 6, 0)
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("*.npy")}


def test_a_shard_that_lacks_a_image_is_named(colors, out):
    (out / "dataset.json").unlink()  # as if it had been killed before its end
    index = out / "train-00001.index.npy"
    np.save(index, np.load(index)[:-1])
    with pytest.raises(InputError, match="train-00001 lacks 1 of 4 images; remove .* and call the same 'data prepare'"):
        run(colors, out)


KILLED = """
import os, signal, sys
from pathlib import Path
from alexnet_keras.data import shards
from alexnet_keras.data.shards import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.data.shards.convert import Settings
prepare.IMAGES_PER_SHARD = 4
calls = 0
def counted(function):
    def call(*arguments):
        global calls
        calls += 1
        if calls == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call
if sys.argv[3] == "write":
    shards.ShardWriter.add = counted(shards.ShardWriter.add)
else:
    os.replace = counted(os.replace)
prepare.prepare(open_dataset(sys.argv[1]), Path(sys.argv[2]), Settings())
"""


@pytest.mark.parametrize(
    ("moment", "finished"),
    [(("write", "11"), 2), (("rename", "8"), 1)],  # within the third shard; between a shard's images and its index
)
def test_a_killed_one_goes_on(colors, tmp_path, moment, finished):
    out = tmp_path / "out"
    killed = Program("-c", KILLED, colors, out, *moment).end()
    assert killed.code == -signal.SIGKILL, killed.err
    assert not (out / "dataset.json").exists()
    with pytest.raises(InputError, match=r"out holds shards that are not finished; call the same 'data prepare' again"):
        open_dataset(str(out))
    result = run(colors, out)
    assert (result.shards, result.resumed_shards) == (6, finished)
    assert not list(out.glob(".partial-*"))
    run(colors, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def test_two_at_once_are_refused(colors, tmp_path):
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="Another process is preparing .*out; wait for it, or choose another"):
            run(colors, tmp_path / "out")


def test_no_lock_file_stays(finished):
    assert not (finished / ".lock").exists()


def test_other_settings_or_data_do_not_mix(colors, out, tmp_path):
    with pytest.raises(InputError, match=r"other data or settings \(encoding 'jpeg', now 'raw'\); choose another"):
        run(colors, out, encoding="raw")
    with pytest.raises(InputError, match=r"other data or settings \(name 'colours', now 'more'\)"):
        run(draw_folder(tmp_path / "more", train=5), out)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"strange holds 'thesis.tex'; `output` must be a new or empty folder"):
        run(colors, tmp_path / "strange")
    assert [path.name for path in (tmp_path / "strange").iterdir()] == ["thesis.tex"]


def test_other_images_of_the_same_number_do_not_mix(colors, out):
    image = sorted((colors / "train").glob("*/*"))[5]
    image.rename(image.with_stem("another"))
    with pytest.raises(InputError, match=r"out holds shards of other data or settings \(checksum of names"):
        run(colors, out)


def test_a_data_set_may_be_moved_meanwhile(colors, out, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = colors.rename(tmp_path / "elsewhere" / "colours")
    assert run(moved, out).resumed_shards == 6


@pytest.mark.parametrize("name", ["train-00001.sources.json", "train-00001.notes.npz"])
def test_what_is_damaged_is_named_and_made_again_once_removed(colors, tmp_path, name):
    run(colors, tmp_path / "out")
    whole, path = contents(tmp_path / "out"), tmp_path / "out" / name
    path.write_bytes(path.read_bytes()[:-4] + b"!!!!")
    if not name.endswith(".notes.npz"):  # which are nobody's but its own
        with pytest.raises(InputError, match=rf"{name} is damaged .*; remove it and prepare the data set again"):
            run(colors, tmp_path / "out")
        path.unlink()
    assert run(colors, tmp_path / "out").resumed_shards == 5
    assert contents(tmp_path / "out") == whole


def test_shards_of_version_0_1_0_are_read_and_finished(colors, tmp_path):
    """That version wrote a mean image, its checksum in dataset.json, and a sum for each of its pixels in the notes."""
    out = tmp_path / "out"
    run(colors, out, size=64, encoding="raw")
    manifest, whole = json.loads((out / "dataset.json").read_text()), contents(out)
    for path in out.glob("*.notes.npz"):
        images = np.load(out / path.name.replace(".notes.npz", ".npy")).astype(np.int64)
        pixels = images.reshape(-1, 3)
        if "validation" in path.name:
            images, pixels = images[:0], pixels[:0]
        total = images.sum(axis=0).astype(np.uint32)
        np.savez(path, count=len(images), total=total, products=pixels.T @ pixels, bad="[]")
    np.save(out / "mean_image.npy", np.zeros((64, 64, 3)))
    manifest["bad_pictures"] = [{"shard": "train-00001", "picture": "x.jpg", "reason": "is empty"}]
    del manifest["bad_images"]
    (out / "dataset.json").write_text(json.dumps({**manifest, "mean_image_checksum": "0123456789abcdef"}))
    assert shards.manifest(out).bad_images[0].image == "x.jpg"
    assert len(open_dataset(str(out)).train) == 12
    assert run(colors, out, size=64, encoding="raw").resumed_shards == 6  # finished: nothing is written
    assert json.loads((out / "dataset.json").read_text())["mean_image_checksum"]
    (out / "dataset.json").unlink()  # not finished
    assert run(colors, out, size=64, encoding="raw").resumed_shards == 6
    assert (out / "dataset.json").read_bytes() == whole["dataset.json"]


def test_a_damaged_shard_is_named_and_made_again_once_removed(colors, tmp_path):
    run(colors, tmp_path / "out")
    whole = contents(tmp_path / "out")
    path = tmp_path / "out" / "train-00001.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(InputError, match=r"train-00001.npy is damaged: image 3 does not match its checksum; remove"):
        run(colors, tmp_path / "out")
    path.unlink()
    result = run(colors, tmp_path / "out")
    assert result.resumed_shards == 5
    assert contents(tmp_path / "out") == whole


def spoil(colors):
    """One image of every bad kind, and the reason that is to be given for it."""
    red, green = colors / "train" / "red", colors / "train" / "green"
    reasons = {
        red / "a.jpg": "is not a complete JPEG, PNG, GIF, BMP or WebP image",
        red / "b.jpg": "is empty",
        red / "c.jpg": "is an HTML page, which a server sent instead of the image: download the image again",
        red / "d.png": "has 30,000 x 30,000 pixels, more than the limit of 67,108,864",
        red / "e.jpg": "has 30,000 x 30,000 pixels, more than the limit of 67,108,864",
        green / "f.png": "has 1 x 1 pixels, and each side needs at least 2",
        green / "g.jpg": "cannot be read from the disk",
    }
    truncated, empty, text, huge_png, huge_jpeg, tiny, broken = reasons
    noise = np.random.RandomState(0).randint(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:2000])
    empty.touch()
    text.write_text("<html>404 Not Found</html>")
    side = (30_000).to_bytes(4, "big")
    huge_png.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + side * 2 + bytes.fromhex("0802000000") + bytes(4))
    Image.fromarray(noise).save(huge_jpeg)
    content = bytearray(huge_jpeg.read_bytes())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = side[2:] * 2
    huge_jpeg.write_bytes(content)
    Image.fromarray(noise[:1, :1]).save(tiny)
    broken.symlink_to("nowhere.jpg")
    return {str(path): reason for path, reason in reasons.items()}


def unusual(colors):
    """Images of kinds that are rare but good."""
    blue, noise = colors / "train" / "blue", np.random.RandomState(0).randint(0, 256, (90, 70, 3), dtype=np.uint8)
    Image.fromarray(noise).convert("CMYK").save(blue / "cmyk.jpg")
    Image.fromarray(noise).save(blue / "really_a_png.JPEG", "PNG")
    Image.fromarray(noise[..., 0].astype(np.uint16) << 8).save(blue / "sixteen_bits.png")
    return {str(blue / name) for name in ("cmyk.jpg", "really_a_png.JPEG", "sixteen_bits.png")}


def test_bad_images_are_listed_and_left_out_if_one_says_so(colors, tmp_path, capsys):
    reasons, kinds = spoil(colors), unusual(colors)
    result = run(colors, tmp_path / "out", on_error="skip", jobs=3)
    assert {entry.image: entry.reason for entry in result.bad} == reasons
    assert result.images == {"train": 12 + 3, "validation": 9}
    listed = capsys.readouterr().err.splitlines()
    assert {f"{name} {reason}" for name, reason in reasons.items()} <= set(listed)
    stored = open_dataset(str(tmp_path / "out"))
    assert kinds <= set(stored.train.names)
    for name, label in zip(stored.train.names, stored.train.labels, strict=True):
        assert f"/train/{stored.class_names[label]}/" in name
        assert name not in reasons
    values = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert values["bad_images"] == [dataclasses.asdict(entry) for entry in result.bad]


def test_bad_images_stop_it_otherwise(colors, tmp_path, capsys):
    reasons = spoil(colors)
    run(colors, tmp_path / "out", on_error="skip")
    capsys.readouterr()
    message = (
        r"of 4 images for train cannot be used, the first of them .*f.png, which has 1 x 1 pixels.*`on_error=\"skip\"`"
    )
    with pytest.raises(InputError, match=message):
        run(colors, tmp_path / "out")  # also where an earlier call was allowed to skip them
    assert not (tmp_path / "out" / "dataset.json").exists()
    assert "f.png has 1 x 1 pixels" in capsys.readouterr().err
    for name in reasons:
        Path(name).unlink()
    shutil.rmtree(tmp_path / "out")
    assert run(colors, tmp_path / "out").images["train"] == 12


def test_a_refused_data_set_leaves_nothing_if_no_shard_is_finished(colors, made_by_the_user, tmp_path):
    (colors / "train" / "blue" / "0.jpg").write_bytes(b"")
    for output in (tmp_path / "new", made_by_the_user):
        with pytest.raises(InputError, match="images for train cannot be used"):
            run(colors, output)
    assert not (tmp_path / "new").exists()
    assert list(made_by_the_user.iterdir()) == []


@pytest.fixture
def made_by_the_user(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_a_huge_image_takes_no_memory(tmp_path):
    """Its 2.7 GB would not fit into the address space that this process leaves itself."""
    root = draw_folder(tmp_path / "d")
    spoil(root)
    code = (
        "import resource, sys\n"
        "from alexnet_keras.data import decode, image_files\n"
        "import tensorflow as tf, psutil\n"
        "image_files.why_refused(b'x')\n"
        "limit = psutil.Process().memory_info().vms + 2**30\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        decode.decode(tf.io.read_file(name))\n"
        "    except tf.errors.InvalidArgumentError:\n"
        "        print(image_files.why_refused(open(name, 'rb').read()))\n"
    )
    names = [root / "train" / "red" / name for name in ("d.png", "e.jpg")]
    assert Program("-c", code, *names).succeed().out.count("has 30,000 x 30,000 pixels") == 2


def test_labels_out_of_range_are_named(colors, tmp_path):
    dataset = open_dataset(str(colors))
    dataset.train.labels[5] = 3
    with pytest.raises(
        InputError, match=r"green/1.png has the label 3, but colours has 3 classes, 0 to 2; correct its"
    ):
        prepare.prepare(dataset, tmp_path / "out", Settings())
    assert not list((tmp_path / "out").glob("train-00001*"))
    again = DataSet("colours", dataset.class_names, lambda split: dataset.train)
    with pytest.raises(
        InputError, match=r"green/1.png has the label 3, but colours has 3 classes, 0 to 2; correct its"
    ):
        _ = again.train


def test_a_full_disk_leaves_nothing_half_written(colors, tmp_path, monkeypatch):
    out, replace, calls = tmp_path / "out", os.replace, []

    def full(*names):
        calls.append(names)
        if len(calls) == 7:
            raise OSError(28, "No space left on device")
        return replace(*names)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        InputError, match=r"out cannot be written \(No space left on device\)\. Finished shards are kept"
    ):
        run(colors, out)
    assert not list(out.rglob(".partial-*"))
    assert not (out / "dataset.json").exists()
    monkeypatch.undo()
    monkeypatch.setattr(prepare, "IMAGES_PER_SHARD", 4)
    assert run(colors, out).images == {"train": 12, "validation": 9}


def test_a_disk_too_small_for_raw_images_is_found_before(colors, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 4_000_000}))
    message = r"The data set .*out needs 4.13 MB, but the disk of .*out has 4.00 MB free; remove files"
    with pytest.raises(InputError, match=message):
        run(colors, tmp_path / "out", encoding="raw")


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_other_sizes_are_resized_when_they_are_read(colors, tmp_path, encoding):
    run(colors, tmp_path / "out", size=64, encoding=encoding)
    split = open_dataset(str(tmp_path / "out")).train
    assert split.read_batch is None
    assert split.pixels(np.int64(3)).shape == (256, 256, 3)


def test_larger_shards_of_earlier_versions_are_read(colors, tmp_path):
    settings = Settings(encoding="raw")
    object.__setattr__(settings, "size", 320)
    prepare.prepare(open_dataset(str(colors)), tmp_path / "out", settings)
    assert open_dataset(str(tmp_path / "out")).train.pixels(np.int64(3)).shape == (256, 256, 3)


def test_a_pass_over_the_command_line(colors, tmp_path):
    arguments = ["data", "prepare", "--data", colors, "--output", tmp_path / "out"]
    table = cli(*arguments)
    assert table.code == 0, table.err
    assert re.search(r"^images +12 for train, 9 for validation$", table.out, re.MULTILINE)
    assert re.search(rf"^wrote +{tmp_path / 'out'}$", table.out, re.MULTILINE)
    result = cli(*arguments, "--json").json
    assert (result["resumed_shards"], result["shards"]) == (6, 6)


def test_a_bad_image_is_one_line_on_the_command_line(colors, tmp_path):
    (colors / "val" / "red" / "0.jpg").write_text("x")
    result = cli("data", "prepare", "--data", colors, "--output", tmp_path / "out")
    assert result.code == 1
    name = colors / "val" / "red" / "0.jpg"
    reason = "is not a complete JPEG, PNG, GIF, BMP or WebP image"
    first, last = result.err.splitlines()
    assert first == f"{name} {reason}"
    assert last.startswith(
        f"Error: 1 of 4 images for validation cannot be used, the first of them {name}, which {reason};"
    )
    assert result.out == ""
