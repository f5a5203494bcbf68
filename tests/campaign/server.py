"""Run command lines in forked children of a process that has imported the package once.

Importing TensorFlow takes 5 seconds, a fork 30 milliseconds. Every child starts from the same state, has its own
limits, and takes its memory and its threads with it. With arguments, the program runs them as one command line:

    PYTHONPATH=.:tests python -m campaign.server predict model.keras image.png

Without arguments, it reads one request a line from standard input and answers with one line of JSON.
"""

import dataclasses
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import psutil

import alexnet_keras
from alexnet_keras.cli.main import main
from alexnet_keras.cli.options import load_tensorflow
from alexnet_keras.config.recipes import RECIPES
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.data.sources import shapes
from alexnet_keras.system import native_stderr

TRACEBACK = 70  # the exit code of a child whose command ended in an exception that the command line does not know
POLL_SECONDS = 0.01
ADDRESS_SPACE = 16 * 2**30  # above the start: threads reserve much that they never touch


def narrow() -> None:
    """Make networks narrow and data sets small, so that a command takes about a second."""
    for name, architecture in ARCHITECTURES.items():
        ARCHITECTURES[name] = dataclasses.replace(
            architecture, filters=(8,) * 5, hidden_units=(16, 16), input_size=67, initializer="he_normal"
        )
    for name, recipe in list(RECIPES.items()):
        sizes = {"input_size": 67, "small_input_size": None, "small_fraction": 0.0, "batch_size": 5}
        small = dataclasses.replace(
            recipe(), architecture=ARCHITECTURES["paper"], **sizes, epochs=1, precision="float32"
        )
        RECIPES[name] = lambda small=small: small
    shapes.NUM_IMAGES.update(train=60, validation=20)


def import_everything() -> None:
    load_tensorflow()
    for module in pkgutil.walk_packages(alexnet_keras.__path__, "alexnet_keras."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("ai_edge_litert.interpreter", "h5py", "onnx", "onnxruntime", "tf2onnx"):
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # an optional dependency


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        print(json.dumps(supervise(json.loads(line))), file=answers, flush=True)


def supervise(request: dict[str, Any]) -> dict[str, Any]:
    """Run the commands of a request in a child, within its limits.

    Args:
        request: `commands`, lists of arguments; `folder`, the working directory; `log`, a folder for the outputs;
            `seconds`, the limits of processor time and of the time without any; `bytes`, the limit of memory above the
            start; `environment`, more variables; `encoding`, of standard output; `file_bytes`, the largest size of a
            file that the child can write; `kill`, a signal, the seconds after which the child gets it, and a pattern
            of files, of which a new one starts this time (`""` for the start of the child), or `None`.

    Returns:
        `codes`, the exit code of each command that was started; `ended`, which is empty, "hang", "memory" or the name
        of the signal that ended the child; `seconds` and `bytes`, what the child took.
    """
    codes = Path(request["log"]) / "codes"
    codes.write_text("")
    child = os.fork()
    if child == 0:
        run(request)
    process, began, peak, start, ended = psutil.Process(child), time.monotonic(), 0, None, ""
    most_processor, most_idle = request["seconds"]
    worked, last = 0.0, 0.0  # processor time, and when it last grew: a busy machine may not let the child run
    kill, waits_since = request.get("kill"), None
    known = found(request)
    parent = os.getppid()  # another one when the program that asked has died
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        memory, times, wall = process.memory_info().rss, process.cpu_times(), time.monotonic() - began
        start = memory if start is None else start
        peak = max(peak, memory - start)
        if times.user + times.system > worked:
            worked, last = times.user + times.system, wall
        if kill is not None and waits_since is None and (not kill[2] or found(request) - known):
            waits_since = wall
        if kill is not None and waits_since is not None and wall >= waits_since + kill[1]:
            os.kill(child, kill[0])
            kill = None
        elif worked > most_processor or wall - last > most_idle or os.getppid() != parent:
            ended = "hang"
        elif peak > request["bytes"]:
            ended = "memory"
        if ended:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(POLL_SECONDS)
    if not ended and os.WIFSIGNALED(status):
        ended = signal.Signals(os.WTERMSIG(status)).name
    used = {"wall": time.monotonic() - began, "seconds": usage.ru_utime + usage.ru_stime}
    return {"codes": [int(line) for line in codes.read_text().split()], "ended": ended, "bytes": peak, **used}


def found(request: dict[str, Any]) -> set[Path]:
    """The files whose appearance starts the time of a kill."""
    kill = request.get("kill")
    return set(Path(request["folder"]).glob(kill[2])) if kill is not None and kill[2] else set()


def run(request: dict[str, Any]) -> NoReturn:
    """Run the commands of a request in this process, and end it."""
    log = Path(request["log"])
    codes = os.open(log / "codes", os.O_WRONLY)
    os.chdir(request["folder"])
    os.environ.update(request.get("environment", {}))
    tempfile.tempdir = None  # an import may have asked for it
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_SPACE, resource.RLIM_INFINITY))
    if "file_bytes" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], resource.RLIM_INFINITY))
    for index, arguments in enumerate(request["commands"]):
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(log / f"{index}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout = open(1, "w", encoding=request.get("encoding", "utf-8"), closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.__stderr__ = sys.stderr  # otherwise `native_stderr` takes it for the standard error of a test
        native_stderr._standard_error.cache_clear()
        try:
            main([os.fsdecode(os.fsencode(argument)) for argument in arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
            code = TRACEBACK
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(codes, f"{code}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    narrow()
    if sys.argv[1:]:
        main(sys.argv[1:])
    import_everything()
    serve()
