"""A folder with a web page that classifies images in the browser: the page, the network and the runtime LiteRT.js."""

import contextlib
import json
import os
import shlex
import shutil
from pathlib import Path

import keras

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.config.variants import variant_of
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.dataset import Split
from alexnet_keras.export import tflite
from alexnet_keras.export.web_server import SETTINGS
from alexnet_keras.inference.keras_model import class_names, input_size
from alexnet_keras.inference.predictor import ImagePreparation
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import read_json

PAGE = Path(__file__).with_name("page")  # HTML, CSS and JavaScript, as they are served
MODEL, CONV1 = "model.tflite", "conv1.tflite"
VERSION = "2.5.3"
PACKAGES = ("@litertjs/core", "@litertjs/wasm-utils")  # of the runtime, by their names in npm
WASM = [  # for most browsers, for those without relaxed SIMD, and for several threads
    f"litert_wasm{kind}_internal{suffix}" for kind in ("", "_compat", "_threaded") for suffix in (".js", ".wasm")
]
RUNTIME_FILES = {  # file of the packages -> its name in the folder `litert` of the page
    "@litertjs/core/dist/index.js": "core.js",
    "@litertjs/wasm-utils/dist/index.js": "wasm-utils.js",
    **{f"@litertjs/core/wasm/{name}": name for name in WASM},
}
NOTICE = f"// alexnet-keras changed one line of LiteRT.js {VERSION}: the import of wasm-utils names its file.\n"


def runtime_folder() -> Path:
    """The folder into which npm installs the runtime once for all exports: `litertjs` in the cache of the user."""
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:  # in a container, a user can have a number only
        raise OptionError(
            "The format web needs LiteRT.js from the cache of the user, who has no home folder; set XDG_CACHE_HOME to "
            "a folder of your choice."
        ) from error
    return Path(cache) / "alexnet-keras" / "litertjs"


def install_command() -> str:
    packages = [f"{name}@{VERSION}" for name in PACKAGES]
    return shlex.join(["npm", "install", "--prefix", str(runtime_folder()), *packages])


def find_runtime() -> Path:
    packages = runtime_folder() / "node_modules"
    with contextlib.suppress(InputError):
        versions = {read_json(packages / name / "package.json").get("version") for name in PACKAGES}
        if versions == {VERSION} and all((packages / name).is_file() for name in RUNTIME_FILES):
            return packages
    first = "" if shutil.which("npm") else "install Node.js, which has the command npm, and then "
    raise OptionError(
        f"The format web needs LiteRT.js {VERSION} in {runtime_folder()}; {first}install it with `{install_command()}`."
    )


def write(model: keras.Model, path: Path, quantize: str, images: Split | None, preparation: ImagePreparation) -> None:
    """Write the folder of a web page. Any web server can serve it, and it loads nothing from elsewhere."""
    packages = find_runtime()
    shutil.copytree(PAGE, path, copy_function=shutil.copyfile)
    for name, target in RUNTIME_FILES.items():
        shutil.copyfile(packages / name, path / "litert" / target)
    core = path / "litert" / "core.js"
    # Without a bundler, a browser finds a file by its path, but not a package by its name.
    core.write_text(NOTICE + core.read_text().replace('from "@litertjs/wasm-utils"', 'from "./wasm-utils.js"'))
    tflite.write(model, path / MODEL, quantize, images=images, preparation=preparation)
    tflite.write_conv1(model, path / CONV1)
    towers = [layer for layer in model.layers if split_tower(layer.name)[0] == "conv1"]
    settings = {
        "variant": variant_of(model.name),
        "quantize": quantize,
        "bytes": (path / MODEL).stat().st_size,
        "classes": distinct_labels(class_names(model)),
        "inputSize": input_size(model),
        "storedSize": preparation.stored_size,
        "towers": len(towers),
        "upright": preparation.upright,
    }
    (path / SETTINGS).write_text(json.dumps(settings) + "\n")
