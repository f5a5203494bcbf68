"""Measure each subject in its own process, one at a time, so that idle threads of one library disturb no other."""

import subprocess
import sys
import time


def answer(work):
    """In the process of a subject: time `work` for each line of standard input, and print its items per second.

    `work` is a function, or a dictionary from lines to functions.
    """
    print("ready", flush=True)
    for line in sys.stdin:
        chosen = work[line.strip()] if isinstance(work, dict) else work
        start = time.perf_counter()
        items = chosen()
        print(items / (time.perf_counter() - start), flush=True)


def start(script, subjects, options, together=False):
    """Start `script --worker SUBJECT OPTIONS` for each subject, one after the other unless `together` is set."""
    processes = {}
    for subject in subjects:
        command = [sys.executable, script, "--worker", subject, *options]
        processes[subject] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not together:
            _wait(subject, processes[subject])
    if together:
        for subject, process in processes.items():
            _wait(subject, process)
    return processes


def _wait(subject, process):
    while (line := process.stdout.readline()) != "ready\n":
        if not line:
            sys.exit(f"{subject} failed to start; is its library installed?")
    print(f"{subject} is ready", file=sys.stderr)


def measure(process, line="go"):
    """Items per second of the work that a process knows by a line."""
    print(line, file=process.stdin, flush=True)
    return float(process.stdout.readline())


def alternate(script, subjects, options, rounds):
    """Start a process for each subject, and measure them in turn, round after round.

    Returns subject -> items per second of each round.
    """
    processes = start(script, subjects, options)  # one after the other: compiling and warming up are heavy
    rates = {subject: [] for subject in subjects}
    for index in range(rounds):
        for subject, process in processes.items():
            rates[subject].append(measure(process))
        print(f"round {index + 1} of {rounds}", file=sys.stderr)
    stop(processes)
    return rates


def stop(processes):
    for process in processes.values():
        process.stdin.close()
        process.wait()
