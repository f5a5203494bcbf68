"""Draw the small files from which mutants are made, and bad command lines from the commands themselves."""

import dataclasses
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import click
import h5py
import keras
import numpy as np
from campaign.harness import Case, equal_to, probabilities
from campaign.mutations import mutate
from PIL import Image
from support import NARROW, ROOT, cli, draw_folder
from support.weight_files import blobs, caffemodel, legacy_pth, npy_of_python2, pth, torchvision_tensors

from alexnet_keras.api import data_of
from alexnet_keras.cli.main import main
from alexnet_keras.compression.compress import Record, Settings
from alexnet_keras.compression.pruning import PAPER_KEPT, kernels, prune
from alexnet_keras.compression.weight_clustering import cluster
from alexnet_keras.export import onnx, saved_model, tflite
from alexnet_keras.model import archive
from alexnet_keras.model.loading import load_model, weights_of
from alexnet_keras.system import file_list
from alexnet_keras.system.input_files import read_json
from alexnet_keras.training import run_folder
from alexnet_keras.weights import trained_weights

IMPORT = (("weights", "import", "{file}", "--variant", "{variant}", "--output", "out.keras", "--json"),)
IMPORTED = (*IMPORT, ("predict", "out.keras", "image.png", "--json"))
CHECKED = (("data", "check", "--data", "photos", "--jobs", "2", "--json"),)


@dataclass(frozen=True)
class Seed:
    """A folder with a good file of one kind, and the commands that read it.

    Attributes:
        kind: the row of the table.
        folder: the files of a case.
        targets: patterns of the files to damage.
        commands: as in `Case`.
        seconds, agree: as in `Case`.
        judge: makes `Case.answer` from the output of the last command for the undamaged files.
    """

    kind: str
    folder: Path
    targets: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    seconds: float = 10
    judge: Callable[[str], Callable[[str], str]] = probabilities
    agree: bool = False

    def files(self) -> list[Path]:
        return sorted(file for pattern in self.targets for file in self.folder.glob(pattern) if file.is_file())

    def control(self) -> Case:
        """The case of the undamaged files; its output is kept in the folder of the seed."""

        def keep(output: str) -> str:
            self._expected().write_text(output)
            return self.judge(output)(output)

        return Case(f"undamaged {self.kind}", "", self.commands, self.copy, keep, seconds=60)

    def _expected(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.expected"

    def copy(self, home: Path) -> None:
        shutil.copytree(self.folder, home, dirs_exist_ok=True, symlinks=True)

    def mutant(self, number: int, others: list[Path]) -> Case:
        """The case of one damaged file; `number` is the seed of the damage."""
        random = Random(f"{self.kind} {number}")
        chosen = random.choice(self.files())
        other = random.choice(others)

        def prepare(home: Path) -> None:
            self.copy(home)
            target = home / chosen.relative_to(self.folder)
            target.write_bytes(mutate(target.read_bytes(), random, other.read_bytes()))

        expected = self._expected().read_text() if self._expected().exists() else "[null]"  # an undamaged file refused
        name = f"mutant {number} of {chosen.relative_to(self.folder)}"
        return Case(self.kind, name, self.commands, prepare, self.judge(expected), self.agree, self.seconds)


def draw_images(folder: Path) -> Path:
    """Write one image of 256 pixels in each format, and one of another size."""
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:256, :256]
    waves = np.stack([127 + 120 * np.sin(rows / a + columns / b) for a, b in ((9, 31), (17, 12), (40, 7))], axis=-1)
    image = Image.fromarray(waves.astype(np.uint8))
    image.save(folder / "baseline.jpg", quality=85)
    image.save(folder / "progressive.jpg", quality=85, progressive=True)
    image.convert("L").save(folder / "gray.jpg")
    image.resize((100, 80)).save(folder / "rgb.png")
    image.convert("P").save(folder / "palette.png")
    image.resize((100, 80)).save(folder / "image.gif")
    image.resize((100, 80)).save(folder / "image.bmp")
    image.resize((100, 80)).save(folder / "image.webp")
    return folder


def draw_weights(folder: Path) -> Path:
    """Write the weights of a narrow network in the formats of Caffe, PyTorch, NumPy, safetensors and HDF5."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    shape = {"filters": (8,) * 5, "units": (16, 16), "pool5": 1}
    caffemodel(folder / "new.caffemodel", blobs(**shape))
    caffemodel(folder / "old.caffemodel", blobs(**shape), old=True)
    npy_of_python2(folder / "python2.npy", blobs(**shape))
    tensors = torchvision_tensors(blobs(**shape, groups=1))
    pth(folder / "zip.pth", tensors)
    legacy_pth(folder / "legacy.pth", tensors)
    save_file(tensors, folder / "torchvision.safetensors")
    return folder


def write_archive(model: Any, path: Path) -> None:
    """Write a pruned and clustered copy of a model in the format `.alexnet`."""
    model = keras.models.clone_model(model)
    prune(model, {**PAPER_KEPT, "fc6": 0.5, "fc7": 0.5})
    for _, kernel in kernels(model).values():
        kernel.assign(cluster(kernel.numpy(), 32))
    archive.write(model, path)


class Seeds:
    """Makes seeds in a folder, from a finished run of a narrow network and its data set."""

    def __init__(self, root: Path, run: Path, data: Path) -> None:
        self.root, self.run, self.data = root, run, data
        root.mkdir()
        self.image = data / "val" / "red" / "1.png"

    def folder(self, kind: str) -> Path:
        folder = self.root / kind.replace(" ", "_")
        folder.mkdir(parents=True)
        shutil.copy(self.image, folder / "image.png")
        return folder

    def keras(self) -> Iterator[Seed]:
        folder = self.folder("keras")
        shutil.copy(self.run / "model.keras", folder / "m.keras")
        yield Seed(".keras", folder, ("m.keras",), (("predict", "m.keras", "image.png", "--json"),))

    def exports(self) -> Iterator[Seed]:
        model = load_model(self.run / "model.keras")
        for title, write, name in (
            ("SavedModel", saved_model.write, "served"),
            (".tflite", tflite.write, "m.tflite"),
            (".onnx", onnx.write, "m.onnx"),
            (".alexnet", write_archive, "m.alexnet"),
        ):
            folder = self.folder(name)
            write(model, folder / name)
            predict = (("predict", name, "image.png", "--json"),)
            yield Seed(title, folder, (name, f"{name}/**/*"), predict)
            if title == "SavedModel":
                yield Seed("SavedModel: class names", folder, (f"{name}/assets/*",), predict)

    def compressions(self) -> Iterator[Seed]:
        folder = self.folder("compression")
        shutil.copytree(self.run, folder / "run")
        settings = dataclasses.asdict(Settings(kept=0.5, epochs=0, source=data_of(self.run / "model.keras")))
        errors = {key: value for key, value in self.evaluation().items() if key != "provenance"}
        record = Record(settings=settings, done=["measure"], errors={"dense": errors}, bytes={"dense": 1})
        (folder / "run" / "compression.json").write_text(json.dumps(dataclasses.asdict(record)))
        command = ("compress", "run", "--epochs", "0", "--kept", "0.5", "--json")
        yield Seed("compression.json", folder, ("run/compression.json",), (command,), 60, lambda _: is_json)

    def evaluation(self) -> dict[str, Any]:
        return read_json(self.run / "evaluation.json")

    def weights(self) -> Iterator[Seed]:
        drawn = draw_weights(self.root / "drawn_weights")
        for suffix in (".npz", ".safetensors"):
            trained_weights.export(drawn / f"paper{suffix}", weights_of(load_model(self.run / "model.keras")))
        with zipfile.ZipFile(self.run / "model.keras") as archive:
            (drawn / "paper.weights.h5").write_bytes(archive.read("model.weights.h5"))
        with np.load(drawn / "paper.npz") as arrays, h5py.File(drawn / "paper.h5", "w") as file:
            for name in arrays.files:
                if arrays[name].dtype == np.float32:
                    file[name] = arrays[name]
        for path in sorted(drawn.iterdir()):
            variant = (
                "paper"
                if path.stem.startswith("paper")
                else "caffe"
                if path.suffix in (".caffemodel", ".npy")
                else "owt"
            )
            folder = self.folder(path.name)
            shutil.copy(path, folder / path.name)
            commands = tuple(tuple(word.format(file=path.name, variant=variant) for word in each) for each in IMPORTED)
            yield Seed(f"weights: {path.name}", folder, (path.name,), commands)

    def images(self) -> Iterator[Seed]:
        model = self.root / "m.tflite" / "m.tflite"
        for path in sorted(draw_images(self.root / "drawn_images").iterdir()):
            folder = self.folder(path.name)
            shutil.copytree(self.data, folder / "photos")
            # Class folders are searched for .jpg and .png; what a file is called does not say what it holds.
            target = Path("photos", "train", "red", f"x{path.suffix if path.suffix == '.png' else '.jpg'}")
            shutil.copy(path, folder / target)
            if model.exists():
                shutil.copy(model, folder / "m.tflite")
            else:
                shutil.copy(self.run / "model.keras", folder / "m.keras")
            name = "m.tflite" if model.exists() else "m.keras"
            commands = (*CHECKED, ("predict", name, str(target), "--json"))
            yield Seed(f"image: {path.name}", folder, (str(target),), commands, agree=True)

    def tables(self) -> Iterator[Seed]:
        folder = self.folder("table")
        shutil.copytree(self.data, folder / "photos")
        images = [path.relative_to(folder / "photos") for path in sorted((folder / "photos").rglob("*.png"))]
        rows = [f"{path},{path.parts[1]},{path.parts[0]}" for path in images]
        (folder / "photos" / "labels.csv").write_text("\n".join(["file,label,split", *rows, ""]))
        check = ("data", "check", "--data", "photos/labels.csv", "--json")
        yield Seed("table", folder, ("photos/labels.csv",), (check,), judge=equal_to)

    def shards(self) -> Iterator[Seed]:
        for encoding in ("jpeg", "raw"):
            folder = self.folder(f"shards {encoding}")
            result = cli("data", "prepare", "--data", self.data, "--output", folder / "photos", "--encoding", encoding)
            assert result.code == 0, result.err
            targets = ("photos/dataset.json", "photos/*.json", "photos/*")
            yield Seed(f"shards: {encoding}", folder, targets, CHECKED, judge=equal_to)
        folder = self.folder("unfinished shards")
        shutil.copytree(self.data, folder / "source")
        shutil.copytree(self.root / "shards_raw" / "photos", folder / "photos")
        (folder / "photos" / "dataset.json").unlink()
        prepare = ("data", "prepare", "--data", "source", "--output", "photos", "--encoding", "raw")
        targets = ("photos/*.json", "photos/*.notes.npz", "photos/*")
        yield Seed("shards: unfinished", folder, targets, (prepare, *CHECKED), judge=equal_to)

    def runs(self) -> Iterator[Seed]:
        folder = self.folder("finished run")
        shutil.copytree(self.run, folder / "run")
        commands = (("evaluate", "run", "--json"), ("train", "--run", "run", "--resume", "--json"))
        for name in ("config.json", "evaluation.json", "history.csv"):
            yield Seed(f"run: {name}", folder, (f"run/{name}",), commands, 60, equal_to)
        folder = self.folder("exported run")
        shutil.copytree(self.run, folder / "run")
        result = cli("export", folder / "run", "--format", "keras")
        assert result.code == 0, result.err
        export = ("export", "run", "--format", "keras", "--output", "run/again.keras", "--json")
        yield Seed("run: export.json", folder, ("run/export.json",), (export,), 60, lambda _: is_json)
        folder = self.folder("unfinished run")
        draw_folder(folder / "colours")
        shutil.copytree(ROOT / "tests" / "fixtures" / "unfinished_run", folder / "run")
        file_list.create(folder / "run", run_folder.owned(folder / "run"))  # as the first resumption does
        command = ("train", "--run", "run", "--resume", "--json")
        yield Seed("run: checkpoint", folder, ("run/checkpoints/*",), (command,), 60, lambda _: is_json)


def is_json(output: str) -> str:
    json.loads(output)
    return "accepted"


# Bad command lines.

# Complete command lines, to which a bad word is added. Other commands get values for their required parameters.
COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("train",): ("--data", "photos", "--run", "new", *NARROW),
    ("evaluate",): ("run",),
    ("predict",): ("run", "image.png"),
    ("export",): ("run", "--format", "keras", "--output", "out.keras"),
    ("compress",): ("run", "--epochs", "0"),
    ("info",): ("run",),
    ("data", "prepare"): ("--data", "photos", "--output", "out"),
    ("data", "check"): ("--data", "photos"),
    ("figures", "augmentation"): ("--data", "photos", "--output", "out.png"),
    ("benchmark", "train"): ("--batch-size", "2", "--rounds", "1"),
    ("benchmark", "input"): ("--data", "photos", "--batch-size", "4", "--images", "8", "--rounds", "1"),
    ("benchmark", "inference"): ("run", "--rounds", "1"),
    ("weights", "import"): ("paper.npz", "--variant", "paper", "--output", "out.keras"),
    ("weights", "export"): ("run", "--output", "out.npz"),
    ("features",): ("run", "--layer", "fc7", "--output", "out.npz"),
}
VALUES = {"output": "out.npz", "data": "photos", "path": "paper.npz", "model": "run", "run": "run", "layer": "fc7"}
TEXTS = (
    "", " ", "x", "\x1b[31mred", "a\nb", "a\u2028b", "\u202etxt", "-1", "--", "%s", "{}", "`x`", "..", "/", "~", "a=b",
    "\udcff\udcfe", "y" * 5000, "[" * 2000, "🦓", "photos\x07",
)  # fmt: skip
NUMBERS = ("", "x", "0", "-1", "1.5", "nan", "inf", "-inf", "1e400", "1e-400", "0x10", "1_000", "٣", "10" + "0" * 17,
           "10" + "0" * 19, "9" * 5000, "--")  # fmt: skip
PATHS = (
    "", "absent", "absent/below", "text.txt", "text.txt/below", "empty", "fifo", "fifo.npz", "fifo.keras", "fifo.onnx",
    "loop", "loop.keras", "dangling.npz", "/dev/zero", "/dev/null", "/dev/full", "/proc/self/mem", "/", ".", "..", "~",
    "y" * 300, "a/" * 2000, "\udcff.png", "new\nline.png", "\x1b[31m.keras", "empty.keras", "empty.npz", "empty.png",
    "run/config.json", "out.keras/", "empty.tflite", "empty.onnx", "empty.alexnet", "empty.h5", "empty.pth",
    "folder.keras", "folder.png", "huggingface:mnist", "no_such_data", "mnist:99.0.0", "s3://x/y", "zero.png",
)  # fmt: skip
SPECIAL = {
    "--devices": ("gpu:0", "cpu:0", "cpu:-1", "cpu:9999999", "tpu", "cpu:0,0", "gpu:9", "cpu:", ",", "cpu:1:1"),
    "--split": ("train", "train,test,x", "train[:200%],train", "x[,y", "train[::],test"),
    "--change": ("filters=0", "filters=-1,1", "hidden_units=10000000000", "input_size=1", "input_size=99999", "depth=8",
                 "filters", "=", "filters=", "dropout=nan", "dropout=2", "filters=8,8,8,8,8,8", "towers=3", "name=x",
                 "input_size=nan", "lrn_k=inf", "activation=eval"),
    "--set": ("momentum=nan", "momentum=2", "schedule=x", "schedule=steps:boundaries=", "schedule=plateau:patience=-1",
              "steps_per_epoch=0", "steps_per_epoch=1e9", "epochs=0", "x=1", "data=", "batch_size=0", "=", "a",
              "layer_rates=layer=x:epoch=-1:rate=nan", "weight_decay=-1", "label_smoothing=2", "input_size=1"),
    "--layer": ("nothing", "conv9", "predictions/x", "fc6,fc7", "images"),
}  # fmt: skip
ENDINGS = (("--no-such-option",), ("surplus", "words"), ("--json=x",), ("-",), ("--", "--json"), ("--help=1",))


def leaves(group: click.Group = main, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield the words of every command that is not a group, and its click object."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield (*words, name), command


def complete(words: tuple[str, ...], command: click.Command) -> tuple[str, ...]:
    """The rest of a valid command line."""
    if words in COMMANDS:
        return COMMANDS[words]
    found: list[str] = []
    for parameter in command.params:
        if parameter.required:
            kind = parameter.type
            value = kind.choices[0] if isinstance(kind, click.Choice) else VALUES.get(str(parameter.name), "1")
            found += [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], str(value)]
    return tuple(found)


def bad_values(parameter: click.Parameter) -> tuple[str, ...]:
    """Values that are wrong or odd for a parameter."""
    kind = parameter.type
    special = next((SPECIAL[name] for name in parameter.opts if name in SPECIAL), ())
    if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):  # also of their ranges
        return NUMBERS
    if isinstance(kind, click.Choice):
        return ("", "x", str(kind.choices[0]).upper(), f"{kind.choices[0]} ", "\x1b[31m")
    if isinstance(kind, click.Path) or parameter.name in ("data", "calibration"):
        return PATHS
    return (*special, *TEXTS)


def bad_lines() -> Iterator[tuple[str, ...]]:
    """Every command with every bad value of each of its parameters, and with words that do not belong there."""
    for words, command in leaves():
        rest = complete(words, command)
        yield from ((*words, *rest, *ending) for ending in ENDINGS)
        yield from ((*words, *rest[:end]) for end in range(len(rest)))
        for parameter in command.params:
            option = max(parameter.opts, key=len)
            if isinstance(parameter, click.Argument):
                for value in bad_values(parameter):
                    yield (*words, "--", value) if value.startswith("-") else (*words, value, *rest[1:])
                    if parameter.nargs == -1:
                        yield (*words, *rest, value)
            elif getattr(parameter, "is_flag", False):
                yield (*words, *rest, option)
                yield (*words, *rest, f"{option}=1")
            else:
                yield from ((*words, *rest, f"{option}={value}") for value in bad_values(parameter))
                yield (*words, *rest, option)


def bad_files(home: Path, run: Path, data: Path) -> None:
    """Fill a folder with a run, a data set, an image, weights, and everything that is no regular file."""
    shutil.copytree(run, home / "run")
    shutil.copytree(data, home / "photos")
    shutil.copy(data / "val" / "red" / "1.png", home / "image.png")
    (home / "text.txt").write_text("no model\n")
    for name in ("empty", "folder.keras", "folder.png"):
        (home / name).mkdir()
    for name in ("fifo", "fifo.npz", "fifo.keras", "fifo.onnx"):
        os.mkfifo(home / name)
    for name in ("loop", "loop.keras"):
        (home / name).symlink_to(name)
    (home / "dangling.npz").symlink_to("nowhere")
    (home / "zero.png").symlink_to("/dev/zero")
    for suffix in ("keras", "npz", "png", "tflite", "onnx", "alexnet", "h5", "pth"):
        (home / f"empty.{suffix}").touch()
    for name in (b"\xff.png", b"new\nline.png", b"\x1b[31m.keras"):
        (home / os.fsdecode(name)).write_text("no image")


def bad_inputs(count: int, seed: int, run: Path, data: Path, weights: Path | None = None) -> Iterator[Case]:
    """Cases of bad command lines: `count` of all, spread evenly over the commands, and the bad folders below."""
    by_command: dict[tuple[str, ...], list[tuple[str, ...]]] = {words: [] for words, _ in leaves()}
    for line in bad_lines():
        words = line[:2] if line[:2] in by_command else line[:1]
        by_command[words].append(line)

    def prepare(home: Path) -> None:
        bad_files(home, run, data)
        if weights is not None:
            shutil.copy(weights, home / "paper.npz")

    random = Random(seed)
    for lines in by_command.values():
        random.shuffle(lines)
    for number in range(count):
        lines = list(by_command.values())[number % len(by_command)]
        if lines:
            line = lines.pop()
            name = " ".join(word if len(word) < 80 else f"{word[:20]}... ({len(word)})" for word in line)
            yield Case(f"input: {line[0]}", ascii(name), (line,), prepare, seconds=60)
