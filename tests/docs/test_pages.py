"""Every command and every program on every page works, or its page says why it is not run."""

import contextlib
import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from support import ROOT, cli, draw_folder

import alexnet_keras
from alexnet_keras.cli.main import main
from alexnet_keras.config.recipes import RECIPES
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.data.sources import shapes

PAGES = sorted(
    {
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "saved_models/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    }
    - {*(ROOT / "docs/_build").rglob("*")}
)
LANGUAGES = ("bash", "fish", "python")
FENCE = re.compile(r"(?:^ *<!-- ([^\n]*?) -->\n+)?^ *```(\w+)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code with the comment above it."""

    mark: str
    language: str
    code: str


def blocks(page: Path) -> list[Block]:
    found = FENCE.findall(page.read_text())
    return [Block(mark, language, textwrap.dedent(code)) for mark, language, code in found]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(code: str) -> list[list[str]]:
    """The `alexnet-keras` commands of a script, also those behind `&&`, `srun` and the like."""
    code = re.sub(r"(?<=\s)\$\w+(?=\s)", "", code)  # a variable without quotes may be empty
    lines = code.replace("\\\n", " ").splitlines()
    words = [shlex.split(part, comments=True) for line in lines for part in re.split(r"&&|\|\|?|;", line)]
    return [line[line.index("alexnet-keras") + 1 :] for line in words if "alexnet-keras" in line]


def inline_commands(page: Path) -> list[list[str]]:
    """The `alexnet-keras` commands in the sentences and tables of a page. `NAME` stands for one of several commands."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = [shlex.split(command) for command in re.findall(r"`alexnet-keras ([^`]+)`", text)]
    return [arguments for arguments in found if "NAME" not in arguments]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_is_run_or_says_why_not(page):
    for block in blocks(page):
        if block.language in LANGUAGES:
            assert re.fullmatch(r"run|test command|not run here: \S.*", block.mark), (
                f"{block.mark!r} above\n{block.code}"
            )


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.parent == ROOT / "docs"], ids=named)
def test_a_page_starts_with_a_block(page):
    assert re.match(r"# .+\n+(<!-- (not )?run.* -->\n)?```(bash|fish|python)\n", page.read_text())


IMAGES = {"photos": "`photos` is [a folder of your own images](", "photo.jpg": "`photo.jpg` is an image"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=named)
def test_a_page_says_what_its_images_are(page):
    code = "\n".join(block.code for block in blocks(page) if block.language in LANGUAGES)
    for name, words in IMAGES.items():
        if page.name != "your_own_images.md" and re.search(rf"(?<![\w/]){name}(?!\w)", code):
            assert words in page.read_text(), name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_can_be_parsed(page):
    for block in blocks(page):
        if block.language in ("bash", "fish"):
            for arguments in commands(block.code):
                parse(main, arguments)
    for arguments in inline_commands(page):
        # A sentence may name a command without its arguments or its subcommand.
        with contextlib.suppress(click.MissingParameter, click.exceptions.NoArgsIsHelpError):
            parse(main, arguments)


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse a command line without running it. Raises `click.UsageError` for what the command does not know."""
    eager = {"--help", "-h", "--version"}
    context = command.make_context("alexnet-keras", [word for word in arguments if word not in eager])
    if isinstance(command, click.Group) and context._protected_args + context.args:
        name, subcommand, rest = command.resolve_command(context, context._protected_args + context.args)
        assert subcommand is not None, name
        parse(subcommand, rest)


def test_a_wrong_option_does_not_parse():
    with pytest.raises(click.UsageError, match="--colour"):
        parse(main, ["train", "--colour", "red"])


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_program_compiles(page):
    for block in blocks(page):
        if block.language == "python":
            compile(block.code, named(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert page.name != "README.md", f"{target}: a package index shows README.md, so its links are absolute"
            assert (page.parent / target).exists(), target
        elif "/alexnet-keras/alexnet-keras/" in target:
            path = re.sub(r".*/(?:blob|tree|raw)/main/|.*\.com/alexnet-keras/alexnet-keras/main/", "", target)
            assert "://" in path or (ROOT / path).exists(), target


@pytest.mark.parametrize("name", alexnet_keras.__all__)
def test_every_public_name_has_an_example_that_is_run(name):
    use = re.compile(rf"alexnet_keras(\.| import .*\b){name}\b")
    marks = [block.mark for page in PAGES for block in blocks(page) if use.search(block.code)]
    assert "run" in marks or name == "reproduce", marks  # which trains for hours


@pytest.fixture
def small(page, monkeypatch, tmp_path):
    """A working folder with a few images, in which networks are narrow, shapes few and batches and crops small."""
    size = 227 if page.name == "trained_weights.md" else 67  # `weights import` builds a network for 227 pixels
    for name, architecture in ARCHITECTURES.items():
        narrow = dataclasses.replace(architecture, towers=1, filters=(8,) * 5, hidden_units=(16, 16))
        monkeypatch.setitem(ARCHITECTURES, name, narrow)
    short = dataclasses.replace(RECIPES["quickstart"](), batch_size=6, epochs=2, input_size=size)
    monkeypatch.setitem(RECIPES, "quickstart", lambda: short)
    monkeypatch.setattr(shapes, "NUM_IMAGES", {"train": 30, "validation": 10})
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "photos", train=8)  # calibration needs 20
    shutil.copy(tmp_path / "photos" / "val" / "red" / "0.jpg", tmp_path / "photo.jpg")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Copies of the run of each `train` command, since eight pages begin with the same one."""
    return {}, tmp_path_factory.mktemp("runs")


RUNNABLE = [page for page in PAGES if any(block.mark == "run" for block in blocks(page))]


@pytest.mark.parametrize("page", RUNNABLE, ids=named)
@pytest.mark.usefixtures("small")
def test_a_page_runs_from_top_to_bottom(page, runs):
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.mark != "run":
            continue
        if block.language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # a program to copy is as quiet as the command line
                exec(compile(block.code, named(page), "exec"), names)
            continue
        for line in block.code.replace("\\\n", " ").splitlines():
            if line.startswith("alexnet-keras "):
                run_command(line, *runs)
            elif line.strip():
                subprocess.run(
                    ["bash", "-euc", line], check=True, env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
                )


def run_command(line: str, runs: dict[tuple[str, int], Path], folder: Path) -> None:
    """Run a command, or take the run that the same `train` command has left on an earlier page."""
    trains = re.fullmatch(r"(alexnet-keras train(?: --data \w+)?) --run (saved_models/\w+)", line)
    key = trains and (trains[1], RECIPES["quickstart"]().input_size)
    if key in runs:
        shutil.copytree(runs[key], trains[2])
        return
    result = cli(*shlex.split(line, comments=True)[1:])
    assert result.code == 0, f"{line}\n{result.out}\n{result.err}"
    if trains:
        runs[key] = Path(shutil.copytree(trains[2], folder / str(len(runs))))
