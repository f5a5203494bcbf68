"""Disturb commands that write: kill them at random moments, or give them too little disk, and then run them again.

After the disturbance, the output is absent or whole. The second call ends with the same files as an undisturbed call.
"""

import hashlib
import json
import math
import queue
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from campaign.harness import OFFLINE, SCRATCH, Server, lines, listing
from campaign.server import TRACEBACK
from support import NARROW

from alexnet_keras.system import file_list

LIMITS = {"seconds": (900, 900), "bytes": 8 * 10**9, "environment": OFFLINE}
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


@dataclass(frozen=True)
class Work:
    """A command that writes.

    Attributes:
        kind: the row of the table.
        prepare: writes the files that the command reads.
        command: the command line.
        uses: a command line that reads the output and prints the same after an undisturbed call. Without it, the bytes
            of the files `out*` are the same.
        again: the command line that continues in a folder where `command` was disturbed, if it is another one.
    """

    kind: str
    prepare: Callable[[Path], object]
    command: tuple[str, ...]
    uses: tuple[str, ...] = ()
    again: Callable[[Path], tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Reference:
    """What an undisturbed call writes and takes."""

    names: frozenset[str]
    sizes: tuple[int, ...]
    output: str
    seconds: float


def works(run: Path, data: Path, many: Path) -> Iterator[Work]:
    """All commands that write, on a narrow network; `many` is a folder of hundreds of images."""

    def with_run(home: Path) -> None:
        shutil.copytree(run, home / "run")
        shutil.copytree(data, home / "photos")
        shutil.copy(data / "val" / "red" / "1.png", home / "image.png")

    def with_many_images(home: Path) -> None:
        shutil.copytree(many, home / "photos")

    def resume(home: Path) -> tuple[str, ...]:
        return (*train[:-1], "--resume") if (home / "new" / "config.json").exists() else train

    train = ("train", "--data", "photos", "--run", "new", "--epochs", "20", "--deterministic")
    train = (*train, "--checkpoint-minutes", "0.002", *NARROW, "--json")
    yield Work("train", with_run, train, ("evaluate", "new", "--json"), resume)
    yield Work(
        "data prepare",
        with_many_images,
        ("data", "prepare", "--data", "photos", "--output", "out"),
        ("data", "check", "--data", "out", "--json"),
    )
    compress = ("compress", "run", "--epochs", "2", "--kept", "0.5")
    yield Work("compress", with_run, compress, ("evaluate", "run/model.alexnet", "--json"))
    for form, name in (("saved_model", "out"), ("tflite", "out.tflite"), ("onnx", "out.onnx"), ("keras", "out.keras")):
        export = ("export", "run", "--format", form, "--output", name)
        yield Work(f"export {form}", with_run, export, ("predict", name, "image.png", "--json"))
    for suffix in (".npz", ".safetensors"):
        yield Work(f"weights export {suffix}", with_run, ("weights", "export", "run", "--output", f"out{suffix}"))
    yield Work("features", with_run, ("features", "run", "--output", "out.npz"))
    yield Work("figures", with_run, ("figures", "augmentation", "--data", "photos", "--output", "out.png"))


class Disturber:
    """Runs one kind of work again and again in new folders, and collects what was wrong.

    Args:
        work: the command.
        free: the servers.
        folder: an empty folder; the folders of failures stay.
    """

    def __init__(self, work: Work, free: "queue.Queue[Server]", folder: Path) -> None:
        self.work, self.free, self.folder = work, free, folder
        self.stopped = self.finished = 0
        self.failures: list[str] = []
        home = self._home("reference")
        before = listing(home)
        result = self._call(home, work.command)
        assert result["codes"] == [0], (work.command, result, lines(home.parent / "0.err"))
        found = listing(home)
        output = self._use(home)
        sizes = tuple(sorted({size for name, (size, _) in found.items() if size > 2000 and name not in before}))
        self.reference = Reference(frozenset(found), sizes, output, result["wall"])

    def kill(self, random: Random) -> None:
        number, moment = random.choice(SIGNALS), random.uniform(0, 1.05) * self.reference.seconds
        self._disturb(f"{number.name} after {moment:.2f} s", number, {"kill": (number, moment, "")})

    def fill(self, random: Random) -> None:
        """Let the command write files only up to a random size, at least that of a message."""
        size = random.randrange(1000, max(self.reference.sizes[-1], 1001))
        self._disturb(f"files of at most {size:,} bytes", None, {"file_bytes": size})

    def _disturb(self, name: str, number: signal.Signals | None, options: dict[str, Any]) -> None:
        home = self._home(name.replace(" ", "_").replace(",", ""))
        before = listing(home)
        result = self._call(home, self.work.command, **options)
        problems = []
        if result["codes"] == [0]:
            self.finished += 1
        else:
            self.stopped += 1
            problems += self._ended_wrong(result, home, number)
        after = listing(home)
        left = [name for name in after if Path(name).name.startswith(SCRATCH)]
        if number != signal.SIGKILL and left:
            problems.append(f"left {left[:3]}")
        lost = [
            name
            for name, found in before.items()
            if after.get(name) != found and Path(name).name != file_list.LIST  # which grows
        ]
        if lost:
            problems.append(f"changed or lost {lost[:3]}")
        if result["codes"] != [0]:
            problems += self._again(home)
        names = frozenset(listing(home))
        names = frozenset(name for name in names if "tensorboard" not in name)
        expected = frozenset(name for name in self.reference.names if "tensorboard" not in name)
        if names != expected:
            problems.append(f"afterwards new {sorted(names - expected)[:4]}, missing {sorted(expected - names)[:4]}")
        elif self._use(home) != self.reference.output:
            problems.append("afterwards the output differs")
        if problems:
            self.failures.append(f"{self.work.kind}, {name}: {'; '.join(problems)} ({home})")
        else:
            shutil.rmtree(home.parent)

    def _ended_wrong(self, result: dict[str, Any], home: Path, number: signal.Signals | None) -> list[str]:
        said = lines(home.parent / "0.err")
        problems = []
        if TRACEBACK in result["codes"] or any("Traceback" in line for line in said):
            problems.append(f"traceback {said[-1]}")
        if number == signal.SIGTERM and result["ended"] != "SIGTERM" and result["codes"] != [143]:
            problems.append(f"ended with {result['ended'] or result['codes']} instead of 143: {said[-1:]}")
        if number is None and (result["codes"] != [1] or not said or not said[-1].startswith("Error: ")):
            problems.append(f"ended with {result['ended'] or result['codes']}: {said[-2:]}")
        if number is None and said and said[-1].startswith("Error: [Errno"):
            problems.append(f"names no remedy: {said[-1]}")
        return problems

    def _again(self, home: Path) -> list[str]:
        command = self.work.again(home) if self.work.again is not None else self.work.command
        result = self._call(home, command)
        said = lines(home.parent / "0.err")
        whole = " exists" in "".join(said[-1:]) and self._use(home) == self.reference.output
        if result["codes"] != [0] and not whole:
            return [f"the next call ended with {result['ended'] or result['codes']}: {said[-1:]}"]
        return []

    def _home(self, name: str) -> Path:
        home = self.folder / name / "home"
        home.mkdir(parents=True)
        self.work.prepare(home)
        return home

    def _use(self, home: Path) -> str:
        if not self.work.uses:
            return str([hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(home.glob("out*"))])
        result = self._call(home, self.work.uses)
        if result["codes"] != [0]:
            return f"exit codes {result['codes']}"
        output = (home.parent / "0.out").read_text().replace(str(home), "")
        return re.sub(r'"time": "[^"]*"', "", output)  # of the evaluation

    def _call(self, home: Path, command: tuple[str, ...], **options: Any) -> dict[str, Any]:
        server = self.free.get()
        try:
            values = {**LIMITS, "folder": str(home), "log": str(home.parent), **options}
            return server.request(commands=[command], **values)
        finally:
            self.free.put(server)


CHECKPOINTS = "new/checkpoints/step-*.npz"


@dataclass
class Killed:
    """What the kills of one training hit: how many there were, and at which checkpoint of how many steps each."""

    kills: int
    steps: list[int]
    runs: list[Path]
    problems: list[str]


def kill_training(
    data: Path,
    free: "queue.Queue[Server]",
    folder: Path,
    kills: int,
    random: Random,
    epochs: int,
    minutes: float = math.inf,
) -> tuple[Path, Killed]:
    """Kill a training again and again, resume it each time, and begin another one when it is finished.

    After so many minutes, the last run is finished without more kills.

    Each server of `free` is a worker. One of them is killed, and the others have to notice it.

    Returns:
        The run that nothing disturbed, and the killed ones.
    """
    workers, end = free.qsize(), time.monotonic() + 60 * minutes

    def call(home: Path, victim: int = 0, kill: Any = None) -> list[dict[str, Any]]:
        train = ("train", "--data", "photos", "--run", "new", "--epochs", str(epochs), "--batch-size", "4", *NARROW)
        train = (*train, "--deterministic")
        if (home / "new" / "config.json").exists():
            train = ("train", "--run", "new", "--resume")
        addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]

        def worker(index: int) -> dict[str, Any]:
            log = home.parent / f"worker {index}"
            log.mkdir(exist_ok=True)
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            server = free.get()
            try:
                values = {**LIMITS, "folder": str(home), "log": str(log), "kill": kill if index == victim else None}
                values["environment"] = {**OFFLINE, "TF_CONFIG": json.dumps(task)}
                return server.request(commands=[(*train, "--checkpoint-minutes", "0.002")], **values)
            finally:
                free.put(server)

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(worker, range(workers)))

    def start(name: str) -> Path:
        home = folder / name / "home"
        home.mkdir(parents=True)
        shutil.copytree(data, home / "photos")
        return home

    whole = start("whole")
    results = call(whole)
    assert all(result["codes"] == [0] for result in results), (results, whole)
    killed = Killed(0, [], [], [])
    while killed.kills < kills and time.monotonic() < end:
        home = start(f"killed {len(killed.runs)}")
        killed.runs.append(home / "new")
        while True:
            victim, moment = random.randrange(workers), random.uniform(0, results[0]["wall"] / 3)
            # A worker whose partner never starts waits for it for ten minutes.
            kill = (random.choice(SIGNALS), moment, CHECKPOINTS if workers > 1 else "")
            kill = kill if killed.kills < kills and time.monotonic() < end else None
            before = {path.name for path in home.glob(CHECKPOINTS)}
            ended = call(home, victim, kill)
            if all(result["codes"] == [0] for result in ended):
                break
            others = [result["codes"] for result in ended if result is not ended[victim]]
            if (
                kill is None
                or ended[victim]["codes"] not in ([], [143], [0])
                or any(codes not in ([0], [1], [143]) for codes in others)
            ):
                killed.problems.append(f"{home}, worker {victim}, {kill}: {ended}")
                break
            killed.kills += 1
            new = {path.name for path in home.glob(CHECKPOINTS)} - before
            if new:  # none if the run had finished, or had not come to its next checkpoint
                killed.steps.append(max(int(name[5:-4]) for name in new))
    return whole / "new", killed


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
