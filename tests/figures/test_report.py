"""The report of a run is complete, safe and readable in a browser, or one line says why it cannot be written."""

import dataclasses
import json
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support import CLASS_NAMES, cli, largest_file, only_error
from support.browser import chromium, lowest_contrast, overflowing, requests, screenshot, show

import alexnet_keras
from alexnet_keras.config.experiments import EXPERIMENTS
from alexnet_keras.config.recipes import recipe
from alexnet_keras.data.dataset import DataSet
from alexnet_keras.figures import report, results
from alexnet_keras.model.alexnet import AlexNet

LONG = "a-class-with-a-very-long-name" * 4
CLASSES = ("<script>alert(1)<b>", 'the "first" & last', LONG, *(f"class {index:02}" for index in range(3, 30)))
EXPORT = {"top1_error": 0.5, "milliseconds": 12.34}


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in ("img", "meta", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag, **attributes):
        return [has for name, has in self.found if name == tag and attributes.items() <= has.items()]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def with_classes(run, root, names):
    """Copy a run, with an untrained network for other classes and a data set of an image for each class and split."""
    random = np.random.RandomState(0)
    for split in ("train", "val"):
        for name in names:
            (root / "data" / split / name).mkdir(parents=True)
            pixels = random.randint(0, 255, (67, 67, 3), np.uint8)
            Image.fromarray(pixels).save(root / "data" / split / name / "0.png")
    copy = shutil.copytree(run, root / "runs" / "a <i>run & more")
    config = json.loads((copy / "config.json").read_text())
    config["data"] = str(root / "data")
    counts = dict.fromkeys(("train_images", "validation_images"), len(names))
    config["measured"] |= {"class_names": sorted(names), **counts}
    (copy / "config.json").write_text(json.dumps(config))
    model = AlexNet("paper", classes=len(names), class_names=sorted(names), filters=(8,) * 5, hidden_units=(16, 16),
                    input_shape=(67, 67, 3))  # fmt: skip
    model.save(copy / "model.keras")
    return copy


@pytest.fixture(scope="module")
def many(run, tmp_path_factory):
    """A run with more classes than a table shows, with hostile names, and with exports."""
    copy = with_classes(run, tmp_path_factory.mktemp("many"), CLASSES)
    for name in ("model.tflite", "model-float16.tflite", "model.alexnet", "model-pruned.tflite"):
        (copy / name).write_bytes(bytes(2_000_000))
    entry = {"bytes": 2_000_000, "keras": EXPORT, "exported": {**EXPORT, "milliseconds": 7.7}}
    entry["provenance"] = {"hardware": "a phone"}
    other = {**entry, "exported": {**EXPORT, "top1_error": None}}  # its images had other classes
    (copy / "export.json").write_text(json.dumps({"model.tflite": entry, "model-float16.tflite": other}))
    stages = {name: {"bytes": 3_000_000, "top1_error": 0.25} for name in ("dense", "coded", "tflite")}
    (copy / "compression.json").write_text(json.dumps({"stages": stages}))
    return copy


@pytest.fixture(scope="module")
def page(many):
    """The report of `many`."""
    assert alexnet_keras.report(many) == many / "report.html"
    return many / "report.html"


def test_names_are_text(page):
    text = page.read_text()
    assert not {name for name, _ in Page(text).found} & {"script", "i", "link", "iframe"}
    found = Page(text)
    assert found.open == []
    assert all(name in found.text for name in (*CLASSES[:3], "a <i>run & more"))


def test_nothing_is_loaded_and_every_picture_says_what_it_shows(page):
    found = Page(page.read_text())
    pictures = [*found.all("img"), *found.all("source")]
    assert all(has.get("src", has.get("srcset")).startswith("data:image/") for has in pictures)
    assert all(len(has["alt"]) > 20 for has in found.all("img"))
    (policy,) = (has["content"] for has in found.all("meta") if "http-equiv" in has)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "url(" not in page.read_text()
    assert "@import" not in page.read_text()


def test_the_contents_lead_to_the_sections(page):
    found = Page(page.read_text())
    links = [has["href"] for has in found.all("a")]
    assert links == [f"#{has['id']}" for has in found.all("section")]
    assert len(links) == 10


def test_the_numbers_are_those_of_evaluate(page, many):
    evaluation, found = alexnet_keras.evaluate(many), Page(page.read_text()).text
    low, high = evaluation.top5_interval
    assert f"Top-5 val error {evaluation.top5_error:.2%} 95%: {low:.1%} to {high:.1%}" in found
    assert "Validation images 30 of 30 classes" in found
    assert "Best epoch" in found
    assert "The run trained for 2 epochs. The limit was 2. Each batch has 5 images." in found
    assert "It rises from 0 until epoch 1, then falls to 0 along a cosine." in found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "paper",
            "2 towers, ReLU, local response normalization after conv1 and conv2 (k = 2, alpha = 0.0001, over the "
            "channels of one tower).",
        ),
        ("owt", "1 tower, ReLU, no normalization."),
        ("batchnorm", "2 towers, ReLU, batch normalization."),
        ("batchnorm", "There is no dropout; label smoothing 0."),
        ("original", "random horizontal flips, and PCA colour augmentation (original)."),
        (
            "fast",
            "Random crops of at least 35% of the area, resized to 227 x 227 pixels from images of 256 x 256, random",
        ),
        ("fast", "In the first 15 epochs, the crops are resized to 131 x 131."),
        ("transfer", "The central crop of 227 x 227 pixels from images of 256 x 256, random horizontal flips, and"),
        ("transfer", "the weights in caffe.npz, where the layers up to conv5 are frozen. The random seed is 0."),
    ],
)
def test_settings_in_words(name, words):
    config = recipe(name)
    if name == "transfer":
        config = dataclasses.replace(config, weights="caffe.npz", freeze="conv5")
    measured = SimpleNamespace(train_images=10, validation_images=5, class_names=CLASS_NAMES, policy="float32")
    summary = SimpleNamespace(recipe=name, variant=config.architecture.name)
    subject = SimpleNamespace(config=config, measured=measured, summary=summary, history=[{}] * 3)
    assert words in Page(report._Report.settings(subject)).text


def test_many_classes_are_bounded(page):
    found = Page(page.read_text())
    assert "25 of 30 classes, the largest errors first." in found.text
    assert "Shown are the 25 of 30 classes with the most errors." in found.text
    assert len(found.all("span", **{"class": "interval"})) == 25
    photographs = [has for has in found.all("img") if has["alt"].startswith(("Validation image", "Training image"))]
    assert len(photographs) <= 2 * results.IMAGES + 5 * (1 + 5 + 5)


def test_exports_have_size_error_and_time(page):
    found = Page(page.read_text()).text
    assert "model.tflite 2.0 MB 50.00% 7.7 ms" in found
    assert "model-float16.tflite 2.0 MB - 12.3 ms" in found
    assert "model.alexnet 3.0 MB 25.00% -" in found
    assert "model-pruned.tflite 3.0 MB 25.00% -" in found
    assert "The times are medians on a phone, one image in a call." in found


def test_commands_work_in_a_shell(page, many):
    found = Page(page.read_text()).text
    assert f"alexnet-keras figures confusion '{many}' " in found
    assert f"alexnet-keras train --data {many.parents[1]}/data --recipe quickstart" in found


def test_a_run_of_no_recipe_names_the_experiment_that_trains_it(tmp_path):
    config = dataclasses.replace(EXPERIMENTS["figure-1"].rows[0].candidates[0], data="/my images")

    def commands(config):
        subject = SimpleNamespace(config=config, run=tmp_path, command=lambda *words, **_: report._command(words[0]))
        return Page(report._Report.commands(subject)).text

    expected = "Repeat the experiment of the network: alexnet-keras reproduce figure-1 --data '/my images' Measure its"
    assert commands(config).startswith(expected)
    assert commands(dataclasses.replace(config, recipe="another")).startswith("Measure its errors:")


def test_the_colours_of_figures_are_those_of_the_page(page):
    text = page.read_text()
    light, dark = text.split("prefers-color-scheme: dark")[:2]
    for name, color in (("--card", "#ffffff"),):
        assert f"{name}: {color};" in light
        assert f"{name}: {report.DARK[color]};" in dark
    assert report.DARK["#222222"] == "#e6eaef"
    assert "--ink: #e6eaef;" in dark


def test_it_is_readable_in_a_browser(page, tmp_path):
    with chromium() as browser:
        for scheme in ("light", "dark"):
            for width in (390, 1280):
                show(browser, width, scheme)
                browser.get(page.as_uri())
                images = browser.execute_script("return [...document.images].map(image => image.naturalWidth)")
                assert images
                assert min(images) > 0
                assert overflowing(browser) == []
                contrast, text = lowest_contrast(browser)
                assert contrast >= 4.5, text  # level AA of WCAG
                screenshot(browser, tmp_path / f"report-{width}-{scheme}.png")
        loaded = requests(browser)
    assert {url.partition(":")[0] for url in loaded} == {"file", "data"}
    assert {url for url in loaded if url.startswith("file:")} == {page.as_uri()}
    with Image.open(tmp_path / "report-390-dark.png") as image:
        assert image.width == 390
        assert image.height > 844


def test_the_command_writes_into_the_run(run, folder, tmp_path):
    copy, other = shutil.copytree(run, tmp_path / "run"), shutil.copytree(folder, tmp_path / "other")
    result = cli("report", copy, "--data", other, "--json")
    assert result.json == {"output": str(copy / "report.html")}
    assert '"report.html"' in (copy / ".files").read_text().splitlines()
    found = Page((copy / "report.html").read_text()).text
    assert "of other, which is not the data set of the run." in found
    assert f"alexnet-keras evaluate {copy} --data {other}" in found
    assert "The run has no exports yet. This command writes the first one:" in found
    assert "Top-5 val error" not in found  # there are three classes
    again = cli("report", copy)
    assert (
        only_error(again) == f"Error: The output {copy / 'report.html'} exists; choose another --output, or remove it."
    )


def change(path, **values):
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **values}))


UNFINISHED = (
    "is not finished, so it has no results; wait until its training ends, or continue it with --run RUN and --resume."
)


@pytest.mark.parametrize(
    ("damage", "options", "code", "message"),
    [
        (lambda run: (run / "evaluation.json").unlink(), [], 1, UNFINISHED),
        (lambda run: (run / "config.json").unlink(), [], 1, "RUN is no run: it has no config.json; name a folder that"),
        (lambda run: (run / "model.keras").unlink(), [], 1, "RUN is neither a run with 'model.keras' nor a SavedModel"),
        (
            lambda run: change(run / "export.json", **{"model.keras": {}}),
            [],
            1,
            "RUN is damaged; remove it, and export",
        ),
        (lambda run: change(run / "config.json", data="nowhere"), [], 2, "nowhere"),
        (lambda run: None, ["--data", "shapes"], 1, "has 3 classes (blue, green, red), but shapes has 10"),
        (lambda run: None, ["--output", "a.htm"], 2, "--output must end in .html, got 'a.htm'; try 'a.html'."),
        (lambda run: None, ["--output", "RUN/example.png/a.html"], 1, "example.png/a.html cannot be written ("),
    ],
)
def test_what_cannot_be_reported(damage, options, code, message, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "RUN")
    damage(tmp_path / "RUN")
    before = sorted(tmp_path.rglob("*"))
    result = cli("report", "RUN", *options)
    assert result.code == code
    assert message in only_error(result)
    assert sorted(tmp_path.rglob("*")) == before  # nothing is half-written


def test_a_single_class(run, tmp_path):
    with pytest.raises(alexnet_keras.InputError, match="has only the class 'all'; a classifier needs at least two."):
        alexnet_keras.report(with_classes(run, tmp_path, ["all"]))
    with pytest.raises(alexnet_keras.InputError, match="single class, which cannot be taken for another; use more"):
        results.check_several(DataSet("of one class", ("all",), lambda split: None))


def test_a_full_disk(many, tmp_path, monkeypatch):
    monkeypatch.setattr(report._Report, "__init__", lambda self, run, source: None)
    monkeypatch.setattr(report._Report, "html", lambda self: "x" * 100_000)
    with largest_file(50_000), pytest.raises(alexnet_keras.InputError, match="report.html cannot be written"):
        report.write(many, None, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
