"""Bad inputs, mutants of every kind of file, kills and full disks: the program refuses or answers rightly.

`pytest -s -m campaign` runs all of it and prints the tables of docs/reliability.md. Environment variables choose less:
ALEXNET_CAMPAIGN_SCALE is a fraction of the counts below, and ALEXNET_CAMPAIGN_WORKERS the number of servers.
ALEXNET_CAMPAIGN_MINUTES ends the mutants and the kills of a training in time. ALEXNET_CAMPAIGN_FIRST goes on where an
earlier campaign has ended: it is the number of the first mutant of each file, and the seed of those kills.
"""

import os
from random import Random

import numpy as np
import pytest
from campaign import generators, hand_made, harness, kills
from support import draw_folder

from alexnet_keras.model.loading import load_model, weights_of
from alexnet_keras.weights import trained_weights

SCALE = float(os.environ.get("ALEXNET_CAMPAIGN_SCALE", "1"))
FIRST = int(os.environ.get("ALEXNET_CAMPAIGN_FIRST", "0"))
MINUTES = float(os.environ.get("ALEXNET_CAMPAIGN_MINUTES", "inf"))
WORKERS = int(os.environ.get("ALEXNET_CAMPAIGN_WORKERS", "1"))
ALL_KINDS = ("keras", "exports", "compressions", "weights", "images", "tables", "shards", "runs")
KINDS = os.environ.get("ALEXNET_CAMPAIGN_KINDS", " ".join(ALL_KINDS)).split()
SLOW = ("input: benchmark", "input: compress", "input: export", "input: train")
SLICE = (".keras", "weights: paper.safetensors", "image: rgb.png")
BAD_INPUTS, MUTANTS, KILLS, FULL_DISKS = 300, 3000, 50, 10


def scaled(count):
    return max(1, round(SCALE * count))


@pytest.fixture(scope="module")
def free():
    with harness.servers(WORKERS) as free:  # their processes start with the first request
        yield free


@pytest.fixture
def works(run, folder, tmp_path):
    """The commands that write, by kind."""
    many = draw_folder(tmp_path / "many", train=150, val=50, size=(300, 280))
    return {work.kind: work for work in kills.works(run, folder, many)}


@pytest.fixture
def seeds(free, run, folder, tmp_path):
    """Makes seeds, checks that the undamaged files are accepted, and returns them."""

    def make(*kinds, only=()):
        made = generators.Seeds(tmp_path / "seeds", run, folder)
        found = [seed for kind in kinds for seed in getattr(made, kind)() if not only or seed.kind in only]
        controls = harness.run_all([seed.control() for seed in found], free, tmp_path / "controls")
        assert failures(controls) == []
        return found

    return make


def run_cases(cases, title, free, folder):
    outcomes = harness.run_all(cases, free, folder, MINUTES)
    print(f"\n{title}: {len(outcomes):,} of {len(cases):,}\n\n{harness.table(outcomes)}\n")
    return failures(outcomes)


def failures(outcomes):
    return [harness.describe(outcome) for outcome in outcomes if outcome.verdict in harness.FAILURES]


def mutants(found, numbers):
    others = [file for seed in found for file in seed.files()]
    return [seed.mutant(number, others) for number in numbers for seed in found]


def test_a_slice_of_the_campaign(seeds, free, run, folder, tmp_path):
    found = seeds("keras", "weights", "images", only=SLICE)
    inputs = [case for case in generators.bad_inputs(30, 0, run, folder) if case.kind not in SLOW]
    assert run_cases([*mutants(found, range(2)), *inputs], "A slice", free, tmp_path / "cases") == []
    works = {work.kind: work for work in kills.works(run, folder, folder)}
    disturber = kills.Disturber(works["weights export .npz"], free, tmp_path / "disturbed")
    for disturb in (disturber.kill, disturber.fill):
        disturb(Random(0))
    assert disturber.failures == []


@pytest.mark.campaign
def test_mutants(seeds, free, tmp_path):
    found = seeds(*KINDS)
    numbers = range(FIRST, scaled(MUTANTS / len(found)))
    assert run_cases(mutants(found, numbers), "Mutants", free, tmp_path / "mutants") == []


@pytest.mark.campaign
def test_bad_inputs(free, run, folder, tmp_path):
    weights = tmp_path / "paper.npz"
    trained_weights.export(weights, weights_of(load_model(run / "model.keras")))
    cases = [*generators.bad_inputs(scaled(BAD_INPUTS), 1, run, folder, weights), *hand_made.cases(run, folder)]
    assert run_cases(cases, "Bad inputs", free, tmp_path / "inputs") == []


@pytest.mark.campaign
@pytest.mark.parametrize(("disturb", "count"), [("kill", KILLS), ("fill", FULL_DISKS)])
def test_disturbed_writers(disturb, count, free, works, tmp_path):
    failures = []
    print(f"\n| {disturb} | times | stopped | finished | failures |\n| --- | --- | --- | --- | --- |")
    for work in works.values():
        if disturb == "kill" and work.kind == "train":
            continue  # the next test kills it
        disturber = kills.Disturber(work, free, tmp_path / work.kind.replace(" ", "_"))
        random = Random(f"{disturb} {work.kind}")
        for _ in range(scaled(count)):
            getattr(disturber, disturb)(random)
        counts = (
            disturber.stopped + disturber.finished,
            disturber.stopped,
            disturber.finished,
            len(disturber.failures),
        )
        print(f"| {' | '.join(map(str, (work.kind, *counts)))} |", flush=True)
        failures += disturber.failures
    print("\n".join(failures))
    assert failures == []


def assert_same_bits(run, other):
    for weight, expected in zip(
        *(load_model(each / "model.keras").get_weights() for each in (run, other)), strict=True
    ):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.campaign
@pytest.mark.parametrize(("workers", "epochs"), [(1, 300), (2, 20)])
def test_killed_training_has_the_same_weights(workers, epochs, folder, tmp_path):
    with harness.servers(workers) as free:
        whole, killed = kills.kill_training(folder, free, tmp_path, scaled(KILLS), Random(FIRST), epochs, MINUTES)
    steps = ", ".join(map(str, sorted(killed.steps)))
    print(
        f"\n{killed.kills} kills of {len(killed.runs)} runs of {3 * epochs} steps with {workers} worker(s); "
        f"checkpoints of these steps were the last: {steps}"
    )
    assert killed.problems == []
    for run in killed.runs:
        weights = (load_model(each / "model.keras").get_weights() for each in (run, whole))
        for weight, expected in zip(*weights, strict=True):
            np.testing.assert_array_equal(weight, expected)
