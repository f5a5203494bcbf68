"""Cases, their limits and their verdicts.

A case is a folder of files and command lines that run in it. `judge` compares what happened with what may happen:

- exit code 1 or 2 with one line of error, nothing left behind and no file of the user's changed: refused;
- exit code 0 with a right answer: accepted;
- anything else is a failure.
"""

import json
import math
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.server import TRACEBACK
from support import ROOT

from alexnet_keras.system import file_list
from alexnet_keras.training import run_folder

SECONDS = 10  # of processor time
IDLE_SECONDS = 60  # without any processor time
BYTES = 2 * 10**9  # above the start
# A data set that TFDS would download is refused by a port where nobody listens, as on a machine without a network.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
SAME, DIFFERENT, REFUSED = "accepted", "accepted, different numbers", "refused"
FAILURES = ("traceback", "crash", "hang", "memory", "left files", "message", "wrong answer")
PROGRESS = re.compile(r"\w[\w ]* (\.\.\.|[\d,]+/[\d,]+ .*)")  # only long work shows it
SCRATCH = (".partial-", ".probe-", ".lock")


@dataclass(frozen=True)
class Case:
    """Files and the command lines that read them.

    Attributes:
        kind: the row of the table.
        name: what tells the case from others of its kind, such as the seed of its mutation.
        commands: the command lines, with paths relative to the folder of the case.
        prepare: writes the files into the folder.
        answer: reads the standard output of the last command if all succeeded; returns `SAME` or `DIFFERENT`, or raises
            `AssertionError` for a wrong answer.
        agree: whether the commands accept or refuse together.
        seconds: the processor time that a command may take if it is accepted; a refusal may take `SECONDS`.
        options: more of a request, as `campaign.server.supervise` has them.
    """

    kind: str
    name: str
    commands: tuple[tuple[str, ...], ...]
    prepare: Callable[[Path], object]
    answer: Callable[[str], str] = lambda output: SAME
    agree: bool = False
    seconds: float = SECONDS
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a case came to: its verdict, the reason of a failure, its cost, and the folder of a failure."""

    case: Case
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    bytes: int = 0
    folder: Path | None = None


class Server:
    """A process that runs requests one after the other; it is started again when it has died."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def request(self, **values: Any) -> dict[str, Any]:
        if self.process is None or self.process.poll() is not None:
            environment = {
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
                "CUDA_VISIBLE_DEVICES": "-1",
            }
            self.process = subprocess.Popen(
                [sys.executable, "-m", "campaign.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(values) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()


@contextmanager
def servers(count: int) -> Iterator["queue.Queue[Server]"]:
    """Servers that threads take and put back."""
    free: queue.Queue[Server] = queue.Queue()
    started = [Server() for _ in range(count)]
    for server in started:
        free.put(server)
    try:
        yield free
    finally:
        for server in started:
            server.close()


def run_all(
    cases: Iterable[Case], free: "queue.Queue[Server]", folder: Path, minutes: float = math.inf
) -> list[Outcome]:
    """Run cases on all servers, in order, and begin none after so many minutes; the folders of failures stay."""
    end = time.monotonic() + 60 * minutes

    def run_in_time(numbered: tuple[int, Case]) -> Outcome | None:
        return run(numbered[1], free, folder / f"{numbered[0]:05}") if time.monotonic() < end else None

    with ThreadPoolExecutor(free.qsize()) as pool:
        return [outcome for outcome in pool.map(run_in_time, enumerate(cases)) if outcome is not None]


def run(case: Case, free: "queue.Queue[Server]", folder: Path) -> Outcome:
    home, log, temporary = (folder / name for name in ("home", "log", "temporary"))
    for each in (home, log, temporary):
        each.mkdir(parents=True)
    case.prepare(home)
    before = listing(home)
    environment = {**OFFLINE, "TMPDIR": str(temporary), "HOME": str(temporary), **case.options.get("environment", {})}
    server = free.get()
    try:
        result = server.request(
            **{
                "commands": case.commands,
                "folder": str(home),
                "log": str(log),
                "seconds": (case.seconds, IDLE_SECONDS),
                "bytes": BYTES,
                **case.options,
                "environment": environment,
            }
        )
    finally:
        free.put(server)
    verdict, reason = judge(case, result, log, before, home)
    cost = (result["seconds"], result["bytes"])
    if verdict not in FAILURES:
        shutil.rmtree(folder)
        return Outcome(case, verdict, reason, *cost)
    outcome = Outcome(case, verdict, reason, *cost, folder)
    print(describe(outcome), flush=True)
    return outcome


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """The names, sizes and times of all files under a folder, without following links."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(Path(root) / name)
            is_folder = name in folders
            found[os.path.relpath(Path(root) / name, folder)] = (
                (0, 0) if is_folder else (status.st_size, status.st_mtime_ns)
            )
    return found


def owned_by_resumed_run(home: Path, command: tuple[str, ...]) -> set[str]:
    """The files that a resumed run wrote before it stopped, for example because its loss became NaN."""
    if "--resume" not in command:
        return set()
    run = command[command.index("--run") + 1]
    return {f"{run}/{name}" for name in (file_list.LIST, *run_folder.owned(home / run))}


def judge(
    case: Case, result: dict[str, Any], log: Path, before: dict[str, tuple[int, int]], home: Path
) -> tuple[str, str]:
    """The verdict on a case, and the reason of a failure in one line."""
    if result["ended"] in ("hang", "memory"):
        return result["ended"], f"{result['seconds']:.0f} s, {result['bytes'] / 1e9:.1f} GB above the start"
    if result["ended"]:
        return "crash", result["ended"]
    for index, code in enumerate(result["codes"]):
        errors = lines(log / f"{index}.err")
        if code == TRACEBACK or any("Traceback (most recent" in line for line in errors):
            return "traceback", [line for line in errors if line[0] != " "][-1][:300]
    failed = [index for index, code in enumerate(result["codes"]) if code != 0]
    if any(result["codes"][index] not in (1, 2) for index in failed):
        return "message", f"exit codes {result['codes']}"
    own: set[str] = set()
    for index in failed:
        said = [line for line in lines(log / f"{index}.err") if not PROGRESS.fullmatch(line)]
        if case.commands[index][:2] == ("data", "check") and not said:
            continue  # its report says what is wrong
        if case.commands[index][:2] == ("data", "prepare"):
            said = said[-1:]  # it names every bad image before
        if case.commands[index][0] == "train" and any(line.startswith("recipe ") for line in said):
            said = said[-1:]  # the run had begun, and its description is before
            own |= owned_by_resumed_run(home, case.commands[index])
        if len(said) != 1 or not said[0].startswith("Error: "):
            return "message", f"{len(said)} lines of error: {' | '.join(said)[:300]}"
        if not said[0].isprintable():
            return "message", f"control characters: {said[0]!r}"
    after = listing(home)
    new = sorted(after.keys() - before.keys() - own) if len(failed) == len(result["codes"]) else []
    scratch = [name for name in after.keys() - before.keys() if Path(name).name.startswith(SCRATCH)]
    lost = [name for name, found in before.items() if failed and after.get(name) != found and name not in own]
    if new or scratch or lost:
        return "left files", f"new {new[:4]}, scratch {scratch[:4]}, changed or lost {lost[:4]}"
    if case.agree and failed and len(failed) < len(result["codes"]):
        return "wrong answer", f"one command accepts what another refuses: exit codes {result['codes']}"
    if failed:
        if result["seconds"] > SECONDS and not own:
            return "hang", f"a refusal after {result['seconds']:.0f} s of processor time"
        return REFUSED, ""
    try:
        return case.answer((log / f"{len(case.commands) - 1}.out").read_text(errors="replace")), ""
    except (AssertionError, ValueError, KeyError, TypeError) as error:
        return "wrong answer", " ".join(f"{type(error).__name__}: {error}".split())[:300]


def lines(path: Path) -> list[str]:
    """The lines of an output that are not empty; of a line that was written again and again, the last state."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return [line.rsplit("\r", 1)[-1] for line in text.split("\n") if line.rsplit("\r", 1)[-1].strip()]


def probabilities(expected: str) -> Callable[[str], str]:
    """A judge of what `predict --json` printed for a model of which the original printed `expected`."""

    def answer(output: str) -> str:
        (found,) = json.loads(output)
        values = [item["probability"] for item in found["predictions"]]
        assert all(math.isfinite(value) and -1e-3 <= value <= 1 + 1e-3 for value in values), f"probabilities {values}"
        assert abs(sum(values) - 1) < 1e-2, f"the probabilities {values} sum to {sum(values)}"
        (original,) = json.loads(expected)
        return SAME if original and found["predictions"] == original["predictions"] else DIFFERENT

    return answer


def equal_to(expected: str) -> Callable[[str], str]:
    """A judge of an output that may differ from `expected` only in its numbers."""

    def answer(output: str) -> str:
        json.loads(output, parse_constant=lambda name: _refuse(f"the output holds {name}"))
        return SAME if output == expected else DIFFERENT

    return answer


def describe(outcome: Outcome) -> str:
    """A line about a failure, with the command lines that show it again."""
    case = outcome.case
    commands = " ; ".join(f"python -m campaign.server {shlex.join(command)[:500]}" for command in case.commands)
    return ascii(
        f"{outcome.verdict}: {case.kind}, {case.name}: {outcome.reason} (cd {outcome.folder}/home ; {commands})"
    )[1:-1]


def _refuse(message: str) -> None:
    raise AssertionError(message)


def table(outcomes: Iterable[Outcome]) -> str:
    """A Markdown table: for each group of kinds, how many cases ended with each verdict, and the largest cost."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.case.kind.split(": ")[0]].append(outcome)
    columns = (REFUSED, SAME, DIFFERENT, *FAILURES)
    rows = [("kind", "cases", *columns, "most s", "most GB"), ("---",) * (len(columns) + 4)]
    totals: Counter[str] = Counter()
    for kind, found in kinds.items():
        counts = Counter(outcome.verdict for outcome in found)
        totals += counts
        cost = (max(outcome.seconds for outcome in found), max(outcome.bytes for outcome in found) / 1e9)
        rows.append(
            (kind, str(len(found)), *(str(counts[name]) for name in columns), *(f"{each:.1f}" for each in cost))
        )
    rows.append(("all", str(totals.total()), *(str(totals[name]) for name in columns), "", ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
