"""Subjects alternate. No speed is asserted: machines differ, and this one is busy with tests."""

import itertools

from alexnet_keras import benchmark


def test_subjects_alternate_and_medians_are_taken(monkeypatch):
    clock, order = itertools.count(), []
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))  # each measurement takes a second

    def work(name, items):
        return lambda: order.append(name) or next(items)

    rates = benchmark.alternate(
        {"one": work("one", iter([5, 1, 9])), "two": work("two", iter([7, 7, 7]))}, rounds=3, label="Measuring"
    )
    assert order == ["one", "two"] * 3
    assert rates["one"] == benchmark.Rate(5, 1, 9)
    assert rates["two"] == benchmark.Rate(7, 7, 7)
    assert str(benchmark.Rate(1234.56, 1, 2000).scaled(0.5)) == "617.3 (0.5 to 1,000.0)"
