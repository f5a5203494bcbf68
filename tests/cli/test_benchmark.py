"""The commands `benchmark`: what they hand on, and the rows of the results that only some measurements have."""

import pytest
from support import cli, only_error

from alexnet_keras.benchmark import Rate
from alexnet_keras.benchmark.inference import InferenceBenchmark, ModelSpeed
from alexnet_keras.benchmark.input import InputBenchmark
from alexnet_keras.benchmark.train import TrainBenchmark


def rate(median):
    return Rate(median, median / 2, median * 2)


def rows(text):
    """The first two cells of each line, which two spaces separate."""
    return [[cell.strip() for cell in line.split("  ", 1)] for line in text.splitlines()]


def test_a_training_step_is_compared_with_the_baseline_and_the_peak(replaced):
    found = TrainBenchmark("owt", 8, "float32", False, rate(120.0), rate(40.0), rate(50.0), 250_000_000, "a machine")
    calls = replaced("alexnet_keras.benchmark.train.measure", found)
    options = ["--variant", "owt", "--batch-size", 8, "--precision", "float32", "--rounds", 3]
    assert rows(cli("benchmark", "train", *options).out) == [
        ["variant", "owt, batches of 8 images"],
        ["hardware", "a machine"],
        ["training step", "120.0 (60.0 to 240.0) images/s in float32"],
        ["baseline", "40.0 (20.0 to 80.0) images/s in float32"],
        ["speed-up", "3.0 times the baseline"],
        ["peak", "50.0 (25.0 to 100.0) GFLOP/s in a matrix multiplication of the same precision"],
        ["operations", "0.25 GFLOP per image"],
        ["fraction of the peak", "0.60"],
    ]
    cli("benchmark", "train", "--json")
    assert calls == [(("owt", 8, "float32"), {"rounds": 3}), (("paper", 128, "auto"), {"rounds": 7})]


def measured(**changes):
    values = {"data": "d", "kind": "raw", "images": 12_000, "batch_size": 5, "input_size": 227, "pca_noise": None}
    values |= {"min_crop_area": None, "ceiling": "crop and flip alone", "first_batch_seconds": 0.5, "hardware": "m"}
    values |= {"images_per_second": rate(300.0), "processor_ms": 2.0, "ceiling_images_per_second": rate(400.0)}
    missing = ("fixed_images_per_second", "fixed_processor_ms", "pillow_images_per_second")
    missing += ("training_images_per_second", "constant_batch_images_per_second")
    return InputBenchmark(**{**dict.fromkeys(missing), **values, **changes})


def test_the_input_has_rows_only_for_what_was_measured(replaced):
    replaced("alexnet_keras.benchmark.input.measure", measured())
    short = dict(rows(cli("benchmark", "input").out))
    assert short["data"] == "d: 12,000 images, raw"
    assert short["pipeline"] == "300.0 (150.0 to 600.0) images/s with crops, flips and PCA noise original"
    assert short["fraction of ceiling"] == "0.75"
    assert not {"Pillow", "training", "other crops"} & set(short)
    rates = {"pillow_images_per_second": rate(100.0), "training_images_per_second": rate(90.0)}
    replaced("alexnet_keras.benchmark.input.measure", measured(**rates, constant_batch_images_per_second=rate(100.0)))
    whole = dict(rows(cli("benchmark", "input").out))
    assert (whole["speed-up"], whole["lost to input"]) == ("3.00 times Pillow", "10.0%")
    assert set(short) < set(whole)


@pytest.mark.parametrize(
    ("options", "arguments", "changes"),
    [
        (["--pca-noise", "none"], (128, None, 7, None), {}),
        (["--images", 50, "--batch-size", 4, "--rounds", 2], (4, "original", 2, 50), {}),
        (
            ["--train", "owt", "--min-crop-area", 0.5],
            (128, "original", 7, None),
            {"variant": "owt", "min_crop_area": 0.5},
        ),
    ],
    ids=str,
)
def test_the_options_of_the_input_are_handed_on(options, arguments, changes, folder, replaced):
    calls = replaced("alexnet_keras.benchmark.input.measure", measured())
    assert cli("benchmark", "input", "--data", folder, "--no-upright", *options, "--json").code == 0
    ((source, *given), keywords) = calls[0]
    assert (source.name, source.upright) == (str(folder), False)
    assert tuple(given) == arguments
    assert keywords == {"variant": None, "min_crop_area": None, **changes}


def test_each_model_has_rows_of_its_own(replaced, trained):
    speeds = (
        ModelSpeed("a.keras", 250_000_000, rate(100.0), rate(1000.0), 0.5),
        ModelSpeed("b.alexnet", 7_000_000, rate(50.0), rate(500.0), None),
    )
    calls = replaced("alexnet_keras.benchmark.inference.measure", InferenceBenchmark(speeds, rate(2e10), "m"))
    result = cli("benchmark", "inference", trained, trained, "--rounds", 2, "--allow-all-operations")
    assert calls == [(([trained, trained], 2, True), {})]
    first, *models = result.out.split("\n\n")
    assert rows(first)[1] == ["memory", "20.0 (10.0 to 40.0) GB/s read"]
    assert [dict(rows(text))["size"] for text in models] == ["250.0 MB", "7.0 MB"]
    assert ["fraction of bandwidth" in text for text in models] == [True, False]


def test_all_models_are_looked_for_before_any_is_measured(replaced, trained, tmp_path):
    calls = replaced("alexnet_keras.benchmark.inference.measure")
    result = cli("benchmark", "inference", trained, tmp_path / "absent.keras")
    assert f"There is no model {tmp_path / 'absent.keras'}" in only_error(result)
    assert (result.code, calls) == (2, [])
