"""Measure each subject in its own process, one at a time, so that idle threads of one library disturb no other."""

import subprocess
import sys
import time


def answer(work):
    """In the process of a subject: time `work` for each line of standard input, and print its items per second."""
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        items = work()
        print(items / (time.perf_counter() - start), flush=True)


def alternate(script, subjects, options, rounds):
    """Start `script --worker SUBJECT OPTIONS` for each subject, and measure them in turn, round after round.

    Returns subject -> items per second of each round.
    """
    processes = {}
    for subject in subjects:  # one after the other: compiling and warming up are heavy
        command = [sys.executable, script, "--worker", subject, *options]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while (line := process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"{subject} failed to start; is its library installed?")
        processes[subject] = process
        print(f"{subject} is ready", file=sys.stderr)
    rates = {subject: [] for subject in subjects}
    for index in range(rounds):
        for subject, process in processes.items():
            print("go", file=process.stdin, flush=True)
            rates[subject].append(float(process.stdout.readline()))
        print(f"round {index + 1} of {rounds}", file=sys.stderr)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return rates
