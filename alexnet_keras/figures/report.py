"""The report of a run: one HTML file that can be read without an internet connection and has no script."""

import dataclasses
import shlex
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from alexnet_keras.compression import compress
from alexnet_keras.config.citations import WORDS, initial_weights, normalization
from alexnet_keras.config.command_line import data_words, train_words
from alexnet_keras.config.experiments import EXPERIMENTS
from alexnet_keras.config.layer_names import TOWERS
from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import DataSource
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export.export import read_report
from alexnet_keras.figures import one_pass, results, style
from alexnet_keras.figures.kernels import COLUMNS, described, first_kernels
from alexnet_keras.figures.markup import Markup, data_uri, joined, tag
from alexnet_keras.figures.networks import HIDDEN, last_layer
from alexnet_keras.figures.similarity import NEIGHBORS, neighbors
from alexnet_keras.inference.evaluate import check_classes, evaluate
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import bytes_of
from alexnet_keras.model.loading import load_model
from alexnet_keras.model.mosaic import as_images, mosaic
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import VAL_ERROR, error_labels
from alexnet_keras.system.disk import size_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.progress import duration
from alexnet_keras.system.provenance import provenance
from alexnet_keras.training import run_folder
from alexnet_keras.training.run_table import summarize

TEMPLATE = "report.html"
CANDIDATES = 2000  # as `figures retrieval`
THUMBNAIL = 160  # pixels of a neighbour; the page shows it half as large, for screens with small pixels
QUALITY = 88  # of JPEG
ENLARGED = 4  # pixels of the page for a weight of a kernel
# Inches of the curves, so that the text of a slide can be read: on a phone, and on wider pages.
CURVES = {"screen and (max-width: 39.99rem)": (4.4, 3.4), "screen": (9.0, 3.8)}
HORIZONTAL = 12  # so many names of classes fit above a confusion matrix
# The colours of a figure -> those on a dark page, as in the template.
DARK = {
    "#ffffff": "#1b2027",
    style.INK: "#e6eaef",
    style.GRAY: "#a2adb9",
    style.PALE: "#343c47",
    style.COLORS[0].lower(): "#7cc0f0",
}


def write(run: Path, source: DataSource, output: Path) -> None:
    content = _Report(run, source).html().encode("utf-8", "backslashreplace")
    atomic_files.write_output(output, content, owner=run if output.parent == run else None)


class _Report:
    """The sections of a report, and what they have in common."""

    def __init__(self, run: Path, source: DataSource) -> None:
        self.run, self.name = run, run.resolve().name
        self.config, self.measured = run_folder.read_config(run)
        self.summary, _ = summarize(run)
        self.history = run_folder.read_history(run)
        exports = read_report(run)
        self.files = _files(run, exports, run_folder.read_evaluation(run).top1_error)
        self.hardware = {
            _rows(entry.get("provenance")).get("hardware", "unknown hardware") for entry in exports.values()
        }
        self.origins = _rows(read_json(run / run_folder.EVALUATION).get("provenance")), _rows(provenance(describe()))
        self.dataset = open_dataset(source)
        self.model = load_model(run / run_folder.MODEL)
        predictor = from_keras(self.model, str(run / run_folder.MODEL))
        check_classes(predictor, self.dataset)
        results.check_several(self.dataset)
        self.own_data, self.words = source == self.config.source, data_words(source)
        self.size = predictor.input_size
        self.evaluation = evaluate(predictor, self.dataset.validation)
        assert self.evaluation.answers is not None
        self.answers = self.evaluation.answers
        self.names = distinct_labels(self.answers.class_names)

    def html(self) -> str:
        sections = {
            "Settings": self.settings(),
            "Learning curves": self.curves(),
            "Results by class": self.classes(),
            "Confusion matrix": self.confusion(),
            "Predictions": self.predictions(),
            "First layer": self.filters(),
            "Retrieval": self.retrieval(),
            "Exports": self.exports(),
            "Commands": self.commands(),
            "Environment": self.environment(),
        }
        names = {title: title.lower().replace(" ", "-") for title in sections}
        links = [tag("li", tag("a", title, href=f"#{name}")) for title, name in names.items()]
        body = tag(
            "div",
            tag("nav", tag("h2", "Contents"), tag("ol", *links), aria_label="Contents"),
            tag("main", *(tag("section", tag("h2", title), text, id=names[title]) for title, text in sections.items())),
            class_="columns",
        )
        page = string.Template(resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
        body = joined(self.header(), body, self.footer())
        return page.substitute(title=joined(f"{self.name}: report of a run"), body=body)

    def command(self, words: str, *options: str, data: bool = True) -> Markup:
        """Return a command about the run; `data` says whether it needs the data set."""
        line = shlex.join(["alexnet-keras", *words.split(), str(self.run), *options])
        return _command(line if self.own_data or not data else f"{line} {self.words}")

    def header(self) -> Markup:
        found, summary = self.evaluation, self.summary
        parameters = self.model.count_params()
        tiles = [
            *(
                (label.capitalize(), f"{getattr(found, f'{kind}_error'):.2%}",
                 f"95%: {_interval(*getattr(found, f'{kind}_interval'))}")
                for kind, label in error_labels(len(self.names)).items()
            ),
            ("Validation images", f"{found.num_images:,}", f"of {len(self.names):,} classes"),
            ("Best epoch", str(summary.best_epoch), f"of {summary.epochs_done}"),
            ("Training time", duration(60 * summary.minutes), "h:min:s" if summary.minutes >= 60 else "min:s"),
            ("Parameters", f"{parameters / 1e6:.1f} M" if parameters >= 1e6 else f"{parameters:,}", "in all layers"),
        ]  # fmt: skip
        data = Path(self.config.data).name
        note = f"An AlexNet (variant {self.config.architecture.name}), trained on {data}. The errors are those of the "
        note += "central crop of each validation image"
        if self.own_data:
            note += ". The best epoch was chosen with the same images, so the errors are slightly optimistic."
        else:
            note += f" of {self.dataset.name}, which is not the data set of the run."
        return tag(
            "header",
            tag("p", "Report of a run", class_="eyebrow"),
            tag("h1", self.name),
            tag("p", note, class_="lead"),
            tag("dl", *(tag("div", tag("dt", a), tag("dd", b), tag("dd", c)) for a, b, c in tiles), class_="tiles"),
        )

    def settings(self) -> Markup:
        config, network, measured = self.config, self.config.architecture, self.measured
        start = f"random weights ({initial_weights(network)})"
        if config.weights:
            start = f"the weights in {config.weights}"
            start += "" if config.freeze == "none" else f", where the layers up to {config.freeze} are frozen"
        dropout = f"{network.dropout:.0%} of the outputs of {' and '.join(network.dropout_layers)} are dropped"
        norm = normalization(network)
        if network.lrn_layers and not network.batch_normalization:
            layers = " and ".join(f"conv{each}" for each in network.lrn_layers)
            norm = f"local response normalization after {layers} ({norm})"
        elif not network.batch_normalization:
            norm = "no normalization"
        chosen = config.crops(config.freeze)
        crops = "The central crop of" if chosen["centered"] else "Random crops of"
        flips, area = "random" if chosen["flips"] else "no", chosen["min_crop_area"]
        if area is not None:
            crops = f"Random crops of at least {area:.0%} of the area, resized to"
        small = ""
        if config.small_epochs:
            small = f" In the first {style.in_words(config.small_epochs, 'epochs')}, the crops are resized to "
            small += f"{config.small_input_size} x {config.small_input_size}."
        noise = f"PCA colour augmentation ({config.pca_noise})" if config.pca_noise else "no PCA colour augmentation"
        rows = {
            "Recipe": f"{self.summary.recipe}.",
            "Network": f"Variant {self.summary.variant}. {style.in_words(network.towers, 'towers')}, "
            f"{WORDS[network.activation]}, {norm}.",
            "Data": f"{config.data}: {measured.train_images:,} training images and {measured.validation_images:,} "
            f"validation images of {len(measured.class_names):,} classes.",
            "Augmentation": f"{crops} {config.input_size} x {config.input_size} pixels from images of "
            f"{config.stored_size} x {config.stored_size}, {flips} horizontal flips, and {noise}.{small}",
            "Start": f"Training starts with {start}. The random seed is {config.seed}.",
            "Epochs": f"The run trained for {style.in_words(len(self.history), 'epochs')}. The limit was "
            f"{config.epochs:,}. Each batch has {config.batch_size:,} images.",
            "Learning rate": f"The highest is {config.learning_rate:g}. It {config.schedule.meaning}.",
            "Update rule": f"Momentum {config.momentum:g}, weight decay {config.weight_decay:g}.",
            "Regularization": f"{dropout if network.dropout else 'There is no dropout'}; label smoothing "
            f"{config.label_smoothing:g}.",
            "Precision": f"{measured.policy}{', deterministic' if config.deterministic else ''}.",
        }
        pairs = (tag(name, value) for row in rows.items() for name, value in zip(("dt", "dd"), row, strict=True))
        return tag("dl", *pairs, class_="settings")

    def curves(self) -> Markup:
        figure = results.curves(self.run)
        first, last = (self.history[index]["validation_top1_error"] for index in (0, -1))
        alt = f"Training and validation error of {style.in_words(len(self.history), 'epochs')} as lines. "
        alt += f"The validation error is {first:.1%} after the first epoch and {last:.1%} after the last one."
        return joined(_embedded(figure, alt), self.command("figures curves", data=False))

    def classes(self) -> Markup:
        found = sorted(self.answers.per_class(), key=lambda row: -row["top1_error"])
        shown = found[: results.MOST_CLASSES]
        number = f"All {len(found)}" if len(shown) == len(found) else f"{len(shown)} of {len(found):,}"
        largest = max(row["top1_interval"][1] for row in shown)
        scale = next(limit for limit in (0.1, 0.2, 0.5, 1.0) if largest <= limit)
        words = f"{number} classes, the largest errors first. The line marks the error, and the bar is its 95% "
        words += f"interval, on a scale from 0% to {scale:.0%}."
        rows = []
        for row in shown:
            low, high = row["top1_interval"]
            ends = {"low": low, "high": high, "at": row["top1_error"]}
            places = ";".join(f"--{name}:{100 * value / scale:.1f}" for name, value in ends.items())
            error = joined(tag("b", f"{row['top1_error']:.1%}"), f" ({_interval(low, high)})")
            taken = f"{row['taken_for']} ({row['taken_for_images']:,})" if row["taken_for"] else "-"
            bar = tag("span", class_="interval", style=places)
            rows.append((row["label"], f"{row['images']:,}", joined(error, bar), taken))
        heads = {
            "Class": "",
            "Images": "number wide",
            f"{VAL_ERROR.capitalize()} (95% interval)": "",
            "Most often predicted instead": "",
        }
        return joined(_table(words, heads, rows), self.command("evaluate", "--report", "report"))

    def confusion(self) -> Markup:
        shown = results.confusions(self.answers)
        rows = []
        for name, percents in zip(shown.names, shown.percents.round().astype(int).tolist(), strict=True):
            cells = (tag("td", percent or "", style=f"--fraction:{percent}") for percent in percents)
            rows.append(tag("tr", tag("th", name, scope="row"), *cells))
        heads = (tag("th", tag("span", name), scope="col") for name in shown.names)
        table = tag(
            "table",
            tag("thead", tag("tr", tag("td"), *heads)),
            tag("tbody", *rows),
            class_="matrix" if len(rows) <= HORIZONTAL else "matrix many",
        )
        words = tag(
            "p", f"{shown.caption} Each column is a predicted class. An empty cell is less than 0.5%.", class_="note"
        )
        box = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Confusion matrix")
        return joined(words, box, self.command("figures confusion"))

    def predictions(self) -> Markup:
        note = "Below each image: its class, and the most probable classes. The true class has a tick and a blue bar."
        parts = [tag("p", note, class_="note")]
        best, worst = results.surest(self.answers), results.worst(self.answers)
        for title, option, found, kind, rule in (
            ("Best", "--best", best, "right answers", "first the most probable one of each class"),
            ("Worst", "--wrong", worst, "mistakes", "those whose wrong class got the highest probability"),
        ):
            chosen = found[: results.IMAGES]
            words = f"{len(chosen)} of {len(found):,} {kind}: {rule}." if len(found) else f"There are no {kind}."
            parts += [tag("h3", f"{title} predictions"), tag("p", words, class_="note")]
            if len(found):
                images = one_pass.crops(self.dataset.validation, chosen, self.size)
                cards = (self.answer(index, image) for index, image in zip(chosen, images, strict=True))
                parts += [tag("div", *cards, class_="answers"), self.command("figures predictions", option)]
        return joined(*parts)

    def answer(self, index: int, image: np.ndarray) -> Markup:
        """Return a card with an image and its most probable classes."""
        label, items = self.answers.labels[index], []
        for other, probability in zip(self.answers.classes[index], self.answers.probabilities[index], strict=True):
            kind, tick = ("true", "\u2713 ") if other == label else (None, "")
            cells = tag("span", tick, self.names[other]), tag("span", f"{probability:.1%}")
            items.append(tag("li", *cells, class_=kind, style=f"--fraction:{100 * probability:.1f}"))
        picture = _photograph(image, f"Validation image of the class {self.names[label]}")
        return tag("figure", picture, tag("figcaption", tag("strong", self.names[label]), tag("ol", *items)))

    def filters(self) -> Markup:
        """Return the kernels of conv1, a picture for each tower."""
        towers, blocks = first_kernels(self.model), []
        title, caption = described(towers)
        for kernels, tower in zip(towers, TOWERS, strict=False):
            colors = as_images(kernels)
            opaque = np.concatenate([colors, np.ones_like(colors[..., :1])], axis=-1)
            pixels = mosaic(opaque, min(COLUMNS, len(opaque)), background=0)  # transparent between the kernels
            pixels = np.round(255 * pixels).astype(np.uint8).repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            where = f"Tower {tower}" if len(towers) > 1 else "All kernels"
            alt = f"{where}: {len(colors)} kernels of conv1 as small images"
            picture = _image("image/png", tf.io.encode_png(pixels), pixels, alt)
            blocks.append(tag("figure", tag("figcaption", where), picture))
        return joined(
            tag("p", f"{title}. {caption}", class_="note"),
            tag("div", *blocks, class_="kernels"),
            self.command("figures filters", data=False),
        )

    def retrieval(self) -> Markup:
        """Return images with their nearest neighbours by features and by pixels."""
        found, rows = neighbors(self.model, self.dataset, last_layer(self.model, HIDDEN), CANDIDATES), []
        for number, (query, label) in enumerate(zip(found.queries, found.labels, strict=True)):
            name, lists = self.names[label], []
            for kind, nearest in found.nearest.items():
                same = found.same[kind][number]
                items = []
                for image, is_same in zip(nearest[number], same, strict=True):
                    alt, frame = ("the same", None) if is_same else ("another", "wrong")
                    picture = _photograph(image, f"Training image of {alt} class", THUMBNAIL)
                    items.append(tag("li", picture, class_=frame))
                words = f"By {kind}: {same.sum()} of {same.size} have the class of the image"
                lists.append(tag("div", tag("p", words), tag("ol", *items)))
            picture = _photograph(query, f"Validation image of the class {name}")
            rows.append(tag("div", tag("figure", picture, tag("figcaption", name)), *lists))
        note = f"Validation images, each with the {NEIGHBORS} nearest of {found.searched} by Euclidean distance. "
        return joined(
            tag("p", f"{note}An orange frame marks an image of another class.", class_="note"),
            tag("div", *rows, class_="retrieval"),
            self.command("figures retrieval"),
        )

    def exports(self) -> Markup:
        """Return the size, the error and the speed of the model and of its exports."""
        rows = []
        for name, file in self.files.items():
            time = "-" if file.milliseconds is None else f"{file.milliseconds:,.1f} ms"
            error = "-" if file.top1_error is None else f"{file.top1_error:.2%}"
            rows.append((name, size_of(file.bytes, 1), error, time))
        words = "The errors of exports are those of their parity check, on at most 500 images. "
        words += f"The times are medians on {' and '.join(sorted(self.hardware))}, one image in a call."
        heads = {"File": "", **dict.fromkeys(("Size", VAL_ERROR.capitalize(), "Time for an image"), "number")}
        table = _table(words if self.hardware else "", heads, rows)
        if len(rows) > 1:
            return table
        command = self.command("export", "--format", "tflite", data=False)
        return joined(table, tag("p", "The run has no exports yet. This command writes the first one:"), command)

    def commands(self) -> Markup:
        words, repeated = train_words(self.config), []
        if words:
            repeated = [tag("p", "Train the network again:"), _command(f"alexnet-keras train {words}")]
        elif self.config.recipe in EXPERIMENTS:
            words = shlex.join([self.config.recipe, "--data", self.config.data])
            repeated = [tag("p", "Repeat the experiment of the network:"), _command(f"alexnet-keras reproduce {words}")]
        example = self.run / run_folder.EXAMPLE  # which runs of version 0.1.0 lack
        classified = [tag("p", "Classify an image:"), self.command("predict", str(example), data=False)]
        return joined(
            *repeated,
            tag("p", "Measure its errors:"),
            self.command("evaluate"),
            *(classified if example.is_file() else []),
            tag("p", "Write this report into another file:"),
            self.command("report", "--output", "report.html"),
        )

    def environment(self) -> Markup:
        then, now = self.origins
        rows = [(name, then.get(name, ""), now.get(name, "")) for name in dict.fromkeys([*now, *then])]
        return _table("", {"": "", "Training": "", "This report": ""}, rows)

    def footer(self) -> Markup:
        now = self.origins[1]
        return tag("footer", f"Written by alexnet-keras {now.get('alexnet-keras', '')}, {now['time']}.")


@dataclass(frozen=True)
class _File:
    """A model file of a run; `None` is what was not measured."""

    bytes: int
    top1_error: float | None
    milliseconds: float | None = None


def _files(run: Path, exports: dict[str, Any], top1_error: float) -> dict[str, _File]:
    """Return the model of a run, its exports and its compressed models, by the names of their files."""
    path = run / compress.REPORT
    stages = read_json(path).get("stages", {}) if path.is_file() else {}
    try:
        times = [entry["keras"]["milliseconds"] for entry in exports.values()]
        values: dict[str, Sequence[Any]] = {
            run_folder.MODEL: (bytes_of(run / run_folder.MODEL), top1_error, *times[-1:]),
            **{
                name: (entry["bytes"], entry["exported"]["top1_error"], entry["exported"]["milliseconds"])
                for name, entry in exports.items()
            },
            **{
                name: (stages[stage]["bytes"], stages[stage]["top1_error"])
                for name, stage in ((compress.ARCHIVE, "coded"), (compress.TFLITE, "tflite"))
                if stages and (run / name).is_file()
            },
        }
        names = [field.name for field in dataclasses.fields(_File)]
        return {name: build(_File, dict(zip(names, row, strict=False)), name) for name, row in values.items()}
    except (AttributeError, KeyError, TypeError, OptionError) as error:
        raise InputError(
            f"export.json or {compress.REPORT} in {run} is damaged; remove it, and export or compress again."
        ) from error


def _command(line: str) -> Markup:
    """Return a command, which wraps between its words."""
    spans = (part for word in line.split(" ") for part in (tag("span", word), " "))
    return tag("pre", tag("code", *spans))


def _rows(origins: Any) -> dict[str, str]:
    """Return what `provenance` collects as rows, one for each version."""
    values = origins if isinstance(origins, dict) else {}
    versions = values.get("versions")
    rows = {**values, **(versions if isinstance(versions, dict) else {}), "versions": None}
    return {str(name): str(value) for name, value in rows.items() if value is not None}


def _table(caption: str, heads: dict[str, str], rows: Iterable[Sequence[Any]]) -> Markup:
    """Return a table.

    Args:
        heads: the heading of each column -> the kind of the column, as in the template.
        rows: the cells, first the name of the row.
    """
    kinds = [kind or None for kind in heads.values()]
    body = []
    for name, *values in rows:
        cells = (tag("td", value, class_=kind) for value, kind in zip(values, kinds[1:], strict=True))
        body.append(tag("tr", tag("th", name, scope="row"), *cells))
    titles = (tag("th", head, scope="col", class_=kind) for head, kind in zip(heads, kinds, strict=True))
    above = [tag("caption", caption)] if caption else []
    return tag("table", *above, tag("thead", tag("tr", *titles)), tag("tbody", *body))


def _embedded(figure: Figure, alt: str) -> Markup:
    """Return a figure for light and for dark pages, with its title and its caption as text of the page."""
    words = f"{figure.get_suptitle()}. {' '.join(figure.get_supxlabel().split())}"
    figure.suptitle("")
    figure.supxlabel("")
    sources = []
    for media, inches in CURVES.items():
        figure.set_size_inches(*inches)
        light = style.encode(figure, ".svg").decode()
        dark = light
        for color, other in DARK.items():
            dark = dark.replace(color, other)
        width, height = (round(96 * side) for side in inches)
        for svg, scheme in ((dark, " and (prefers-color-scheme: dark)"), (light, "")):
            uri = data_uri("image/svg+xml", svg.encode())
            sources.append(tag("source", srcset=uri, media=media + scheme, width=width, height=height))
    image = tag("img", src=uri, alt=alt, width=width, height=height)
    return tag("figure", tag("picture", *sources[:-1], image), tag("figcaption", words))


def _photograph(pixels: np.ndarray, alt: str, side: int | None = None) -> Markup:
    """Return an image as JPEG, at most `side` pixels wide."""
    if side is not None and side < len(pixels):
        pixels = tf.cast(tf.image.resize(pixels, (side, side), "area"), tf.uint8).numpy()
    return _image("image/jpeg", tf.io.encode_jpeg(pixels, quality=QUALITY, chroma_downsampling=False), pixels, alt)


def _image(kind: str, encoded: tf.Tensor, pixels: np.ndarray, alt: str) -> Markup:
    """Return an element with an encoded image that has the shape of `pixels`."""
    height, width = pixels.shape[:2]
    return tag("img", src=data_uri(kind, encoded.numpy()), alt=alt, width=width, height=height)


def _interval(low: float, high: float) -> str:
    return f"{low:.1%} to {high:.1%}"
