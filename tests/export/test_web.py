"""The web page classifies images in a real browser as Python does; the export says what is wrong."""

import io
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from support import ROOT, cli, only_error
from support.browser import chromium, lowest_contrast, overflowing, requests, show

from alexnet_keras.data.sources import shapes
from alexnet_keras.export import export, web, web_server
from alexnet_keras.export.export import Target
from alexnet_keras.figures.evidence import occlusion_map
from alexnet_keras.inference.classify import read_image
from alexnet_keras.inference.predictor import ImagePreparation, load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import OptionError

SECONDS = 30  # to wait for the page
EXIF_ROTATED = 6  # the camera was turned by 90 degrees


@pytest.fixture
def no_runtime(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "alexnet-keras" / "litertjs"


@pytest.mark.parametrize(("npm", "words"), [("/bin/npm", "; install it"), (None, "; install Node.js, which has the")])
def test_a_missing_runtime_is_one_line_with_the_command_that_installs_it(npm, words, no_runtime, model, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: npm)
    result = cli("export", model, "--format", "web", "--data", "shapes")
    command = f"`npm install --prefix {no_runtime} @litertjs/core@2.5.3 @litertjs/wasm-utils@2.5.3`"
    line = only_error(result)
    assert line.startswith(f"Error: The format web needs LiteRT.js 2.5.3 in {no_runtime}{words}")
    assert line.endswith(f"install it with {command}.")
    assert result.code == 2
    assert list(model.parent.iterdir()) == [model]


def test_another_version_of_the_runtime_and_an_incomplete_one_are_refused(no_runtime):
    for version in ("2.5.2", web.VERSION):
        for name in web.PACKAGES:
            file = no_runtime / "node_modules" / name / "package.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({"version": version}))
        with pytest.raises(OptionError, match="needs LiteRT.js 2.5.3"):
            web.find_runtime()
    for name in web.RUNTIME_FILES:
        file = no_runtime / "node_modules" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert web.find_runtime() == no_runtime / "node_modules"


def test_a_user_without_a_home_folder_is_told_what_to_set(model, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    assert only_error(cli("export", model, "--format", "web", "--data", "shapes")) == (
        "Error: The format web needs LiteRT.js from the cache of the user, who has no home folder; set "
        "XDG_CACHE_HOME to a folder of your choice."
    )


def test_classes_that_begin_with_the_same_word_have_different_names(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(web, "find_runtime", lambda: tmp_path)
    for name in web.RUNTIME_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("write", "write_conv1"):
        monkeypatch.setattr(web.tflite, name, lambda model, path, *_, **__: path.touch())
    synsets = ("n02012849", "n03126707", "n03710637", "n03710721")
    model = AlexNet(tiny, classes=4, input_shape=(67, 67, 3), class_names=synsets)
    web.write(model, tmp_path / "web", "none", None, ImagePreparation())
    settings = json.loads((tmp_path / "web" / "network.json").read_text())
    assert settings["classes"] == ["crane (bird)", "crane (machine)", "maillot", "maillot, tank suit"]


def test_the_page_of_the_documentation_has_the_command_that_installs_the_runtime(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    command = web.install_command().replace(str(Path.home()), "~")
    assert f"\n{command}\n" in (ROOT / "docs" / "how_to" / "web_page.md").read_text()


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The runtime in the cache of the user, or otherwise in a temporary cache, installed by the documented command."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            web.find_runtime()
        except OptionError as error:
            if shutil.which("npm") is None:
                pytest.skip(str(error))
            patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
            done = subprocess.run(["bash", "-c", web.install_command()], capture_output=True, timeout=120)
            if done.returncode:
                pytest.skip(f"{web.install_command()} failed")
        yield


@pytest.fixture(scope="module")
def page(runtime, trained, dataset, tmp_path_factory):
    """The folder of a page for a narrow network, and what `export` returned."""
    output = tmp_path_factory.mktemp("page") / "web"
    return output, export.export(trained, Target(format="web"), output, dataset)


@pytest.fixture(scope="module")
def server(page, serve):
    yield from serve(page[0])


@pytest.fixture(scope="module")
def driver():
    """Chromium with a camera that shows a test image, and no way to any other computer."""
    with chromium(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ) as browser:
        yield browser


class Page:
    """The page in the browser, with what a user can see and do."""

    def __init__(self, driver, url):
        self.driver = driver
        self.script = driver.execute_script
        driver.get(url)
        self.wait("return document.getElementById('status').textContent === 'The network is ready.'")

    def wait(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, SECONDS, 0.02).until(lambda driver: driver.execute_script(condition))

    def find(self, name):
        return self.driver.find_element("id", name)

    def text(self, name):
        return self.find(name).text

    def choose(self, path):
        """Choose a file; return the problem, or the probabilities of the best classes."""
        self.find("file").send_keys(str(path))
        return self.answer(path.name)

    def answer(self, name):
        self.wait(
            "return document.getElementById('problem').textContent"
            f" || document.getElementById('status').textContent.startsWith({json.dumps(name + ': ')})"
        )
        found = self.script(
            "return Array.from(document.querySelectorAll('#best li'),"
            " (item) => [item.querySelector('span').textContent, Number(item.querySelector('data').value)])"
        )
        return self.text("problem") or dict(found)

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def focus(self):
        return self.script("return document.activeElement.id")

    def pixels(self, name):
        """The RGB pixels of a canvas."""
        values = self.script(
            "const canvas = document.getElementById(arguments[0]); return Array.from("
            "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)", name)  # fmt: skip
        side = int(self.find(name).get_dom_attribute("width"))
        return np.array(values, np.uint8).reshape(side, side, 4)[..., :3]


@pytest.fixture(scope="module")
def opened(driver, server):
    return Page(driver, server.url)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Ten images of many sizes whose fine detail depends on how they are resized."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.RandomState(0)
    sizes = [(67, 67), (256, 256), (300, 700), (701, 301), (512, 512), (1000, 640), (2, 90), (97, 60), (255, 257)]
    for index, (height, width) in enumerate([*sizes, (400, 300)]):
        rows, columns = np.mgrid[:height, :width]
        waves = [np.sin(rows / (3 + channel) + index) + np.sin(columns / (2 + index)) for channel in range(3)]
        pixels = 100 + 30 * np.stack(waves, -1) + random.randint(-9, 9, (height, width, 3))
        pixels[..., index % 3] += 60
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        if index == 9:
            exif = Image.Exif()
            exif[0x0112] = EXIF_ROTATED
            image.save(folder / "9.jpg", exif=exif, quality=95)
        else:
            image.save(folder / f"{index}.{'png' if index % 2 else 'jpg'}")
    return sorted(folder.iterdir())


def test_the_export_is_the_int8_model_with_all_that_the_page_needs(page):
    folder, result = page
    assert result["quantize"] == "int8"
    assert result["batch_size"] is None
    assert result["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    settings = json.loads((folder / "network.json").read_text())
    assert settings == {
        "variant": "tiny", "quantize": "int8", "bytes": (folder / "model.tflite").stat().st_size,
        "classes": ["blue", "green", "red"], "inputSize": 67, "storedSize": 256, "towers": 2, "upright": True,
    }  # fmt: skip
    assert load_predictor(folder / "model.tflite").class_names == ("blue", "green", "red")
    assert "Apache License" in (folder / "litert" / "LICENSE.txt").read_text()
    assert 'from "./wasm-utils.js"' in (folder / "litert" / "core.js").read_text()


def test_ten_images_are_cropped_and_classified_as_in_python(opened, page, images):
    predictor = load_predictor(page[0] / "model.tflite")
    for path in images:
        found = opened.choose(path)
        crop = read_image(path, 67)
        seen = opened.pixels("seen")
        difference = np.abs(seen.astype(int) - crop)
        assert difference.max() <= 1, path
        assert (difference > 0).mean() < 0.001, path
        for pixels, bound in ((seen, 5e-3), (crop, 1e-2)):  # 8-bit activations have a step of about 4e-3
            expected = dict(zip(predictor.class_names, predictor.predict(pixels[None])[0].tolist(), strict=True))
            assert found == pytest.approx(expected, abs=bound), path
        assert list(found) == sorted(expected, key=expected.get, reverse=True)


def broken(folder, good):
    """Files that are no whole images, with what the page says of them."""
    jpeg, png = io.BytesIO(), io.BytesIO()
    with Image.open(good) as image:
        image.save(jpeg, "JPEG", quality=90)
        image.save(png, "PNG")
    other = "is not an image that this browser reads, or it is damaged. Choose a JPEG, PNG, GIF, BMP or WebP file."
    for name, content, words in (
        ("empty.jpg", b"", "is empty. Choose another file."),
        ("notes.png", b"no image", other),
        ("cut.jpg", jpeg.getvalue()[:-900], "is incomplete. Copy or download it again."),
        ("cut.png", png.getvalue()[:-900], "is incomplete. Copy or download it again."),
        ("header.jpg", jpeg.getvalue()[:30] + b"\xff\xda" + bytes(99) + b"\xff\xd9", other),
        ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(99), "is a HEIC image, which this browser does not read."),
        ("<b>photo</b>.tif", b"II*\0" + bytes(99), "is a TIFF or raw camera image, which this browser does not read."),
    ):
        path = folder / name.replace("/", "\N{DIVISION SLASH}")
        path.write_bytes(content)
        yield path, words


def test_a_broken_file_gets_a_message_and_the_next_one_an_answer(opened, images, tmp_path):
    for path, words in broken(tmp_path, images[3]):
        problem = opened.choose(path)
        assert isinstance(problem, str), path
        assert problem.startswith(f"{path.name} {words}")
        assert not opened.find("classes").is_displayed()
    Image.new("RGB", (300, 1)).save(tmp_path / "line.png")
    assert opened.choose(tmp_path / "line.png").startswith("line.png has 300 x 1 pixels. Choose an image with sides of")
    assert opened.choose(images[0]).keys() == {"blue", "green", "red"}
    assert opened.find("classes").is_displayed()
    assert opened.text("problem") == ""


def test_a_dropped_file_is_classified_and_dropped_text_is_not(opened, dataset):
    opened.script("""
        window.drop = (fill) => {
          const dataTransfer = new DataTransfer();
          fill(dataTransfer);
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        };
        drop((data) => data.setData("text/plain", "https://example.org/photo.jpg"));
    """)
    assert opened.text("problem") == (
        "You dropped text or a link, not a file. Save the image as a file first, then drop the file here."
    )
    red = next(name for name in dataset.validation.names if Path(name).parent.name == "red")
    opened.script(
        "const bytes = Uint8Array.from(arguments[0]); drop((data) => data.items.add(new File([bytes], 'red.png')))",
        list(Path(red).read_bytes()),
    )
    found = opened.answer("red.png")
    assert max(found, key=found.get) == "red"


def test_the_camera_is_used_by_keyboard_alone_and_its_absence_is_explained(opened):
    from selenium.webdriver.common.keys import Keys

    opened.script("document.getElementById('file').focus()")
    opened.press(Keys.TAB)
    assert opened.focus() == "open-camera"
    opened.press(Keys.ENTER)
    opened.wait("return document.activeElement.id === 'take'")
    opened.press(Keys.ENTER)
    assert opened.answer("The photograph").keys() == {"blue", "green", "red"}
    assert not opened.find("camera").is_displayed()
    assert opened.focus() == "open-camera"
    opened.script("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }")
    opened.press(Keys.ENTER)
    opened.wait("return document.getElementById('problem').textContent")
    assert opened.text("problem") == "This device has no camera that the browser finds. Choose a file instead."
    assert not opened.find("camera").is_displayed()
    assert opened.focus() == "open-camera"


def test_a_camera_that_opens_after_it_was_closed_is_stopped(opened):
    opened.script("""
        window.asked = [];
        navigator.mediaDevices.getUserMedia = async (options) => {
          const stream = await MediaDevices.prototype.getUserMedia.call(navigator.mediaDevices, options);
          await new Promise((allow) => asked.push({ track: stream.getTracks()[0], allow }));
          return stream;
        };
    """)

    def ask(count):
        opened.find("open-camera").click()
        opened.wait(f"return asked.length === {count}")

    ask(1)
    assert not opened.find("open-camera").is_enabled()
    assert not opened.find("take").is_displayed()
    opened.find("close-camera").click()
    assert opened.focus() == "open-camera"
    ask(2)
    opened.script("asked[0].allow()")
    opened.wait("return asked[0].track.readyState === 'ended'")
    assert not opened.find("take").is_displayed()
    opened.script("asked[1].allow()")
    opened.wait("return document.activeElement.id === 'take'")
    assert opened.script("return asked[1].track.readyState") == "live"
    opened.find("close-camera").click()
    assert opened.script("return asked[1].track.readyState") == "ended"
    assert opened.text("problem") == ""
    opened.script("delete navigator.mediaDevices.getUserMedia")


def test_a_photograph_that_cannot_be_taken_is_explained(opened):
    opened.script("""
        window.original = createImageBitmap;
        window.createImageBitmap = async () => { throw new DOMException("no frame", "InvalidStateError"); };
        document.getElementById("open-camera").click();
    """)
    opened.wait("return document.activeElement.id === 'take'")
    opened.find("take").click()
    opened.wait("return document.getElementById('problem').textContent")
    assert opened.text("problem") == (
        "The camera gives no image (no frame). Close it and open it again, or choose a file."
    )
    opened.find("close-camera").click()
    opened.script("window.createImageBitmap = original")


def test_the_occlusion_map_is_that_of_python_and_can_be_cancelled(opened, page, images):
    from selenium.webdriver.common.keys import Keys

    opened.choose(images[4])
    begin = "const button = document.getElementById('occlude'); button.focus(); button.click();"
    # In one script, because the map of this small network would be ready before a second one.
    cancel = "const focused = document.activeElement; focused.click(); return focused.id"
    assert opened.script(f"{begin} {cancel}") == "cancel"
    opened.wait("return document.activeElement.id === 'occlude'")
    assert not opened.find("map-figure").is_displayed()
    opened.press(Keys.ENTER)
    opened.wait("return document.getElementById('status').textContent === 'The occlusion map is ready.'")
    predictor = load_predictor(page[0] / "model.tflite")
    crop = read_image(images[4], 67)
    falls = occlusion_map(predictor.predict, crop, int(predictor.predict(crop[None]).argmax()), 12, 4)
    points = float(re.search(r"a change of ([\d.]+) percentage points", opened.text("map-caption"))[1])
    assert points == pytest.approx(100 * np.abs(falls).max(), abs=0.5)
    assert opened.pixels("map").shape == (67, 67, 3)


def test_no_occlusion_map_is_drawn_of_an_image_that_has_no_answer_yet(opened, images):
    opened.choose(images[4])
    begun = opened.script(
        """
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(arguments[0])], "next.jpg"));
        document.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        document.getElementById("occlude").click();
        return !document.getElementById("occluding").hidden;
        """,
        list(images[0].read_bytes()),
    )
    assert not begun
    assert opened.answer("next.jpg").keys() == {"blue", "green", "red"}
    assert opened.find("occlude").is_enabled()


def test_an_image_that_cannot_be_cropped_is_released(opened):
    found = opened.driver.execute_async_script("""
        const done = arguments[0];
        const program = document.createElement("script"); // in the page, because the driver sees into no worker
        program.src = "worker.js";
        program.onload = async () => {
          image = await import("./image.js");
          settings = { storedSize: 256, inputSize: 67 };
          const bitmap = await createImageBitmap(new ImageData(300, 1));
          const error = await tasks.classify({ bitmap, name: "line.png" }).catch((error) => error.name);
          done([error, bitmap.width]);
        };
        document.head.append(program);
    """)
    assert found == ["ImageError", 0]


def test_the_first_layer_is_that_of_the_network(opened, page, trained, images):
    from alexnet_keras.figures.one_image import feature_maps
    from alexnet_keras.model.loading import load_model

    opened.choose(images[5])
    maps = feature_maps(load_model(trained), read_image(images[5], 67))["conv1"]
    opened.wait("return document.querySelectorAll('#towers canvas').length")
    assert len(opened.driver.find_elements("css selector", "#towers canvas")) == maps.shape[-1] == 8
    assert [title.text for title in opened.driver.find_elements("css selector", "#towers h3")] == ["Tower a", "Tower b"]
    caption = opened.text("layer-caption")
    assert caption.startswith(f"8 feature maps of conv1, {maps.shape[0]} x {maps.shape[1]} values each.")
    zeros = float(re.search(r"([\d.]+)% of the values are zero", caption)[1])
    assert zeros == pytest.approx(100 * (maps == 0).mean(), abs=1)


def test_the_page_fits_narrow_and_wide_windows_in_light_and_in_dark(opened, images):
    opened.choose(images[2])
    opened.wait("return document.querySelectorAll('#towers canvas').length")
    for width, scheme in ((390, "light"), (1280, "dark")):
        show(opened.driver, width, scheme)
        assert overflowing(opened.driver) == []
        contrast, text = lowest_contrast(opened.driver)
        assert contrast > 4.5, text
    opened.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_cards_and_lines_of_feature_maps_are_full_in_a_wide_window(opened, images):
    show(opened.driver, 1280, "light")
    opened.choose(images[2])
    opened.wait("return document.querySelectorAll('#towers canvas').length")
    opened.find("occlude").click()
    opened.wait("return document.getElementById('status').textContent === 'The occlusion map is ready.'")
    below, beside, top = opened.script("""
        const box = (selector) => document.querySelector(selector).getBoundingClientRect();
        return [
          box("#crop").bottom - box("#seen-caption").bottom,
          box(".maps").right - box(".maps canvas:last-child").right,
          box("#photograph").top - box("#classes").top,
        ];
    """)
    opened.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert (below, beside, top) == pytest.approx((21, 0, 0), abs=0.5)  # 20 pixels of padding and the border


def test_names_of_classes_are_text(opened):
    found = opened.driver.execute_async_script("""
        const done = arguments[0];
        import("./drawing.js").then(({ drawClasses }) => {
          const list = document.createElement("ol");
          drawClasses(list, [{ name: "<img src=x onerror=alert(1)>", probability: 0.5 }]);
          done([list.querySelectorAll("img").length, list.querySelector("span").textContent]);
        });
    """)
    assert found == [0, "<img src=x onerror=alert(1)>"]


def test_the_page_loads_nothing_from_elsewhere_and_its_policy_forbids_it(opened, server):
    names = requests(opened.driver)
    assert f"{server.url}worker.js" in names
    assert all(name.startswith((server.url, "data:")) for name in names), names
    blocked = opened.driver.execute_async_script("""
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
        fetch("https://example.org/").catch(() => {});
    """)
    assert blocked == "connect-src"


def test_a_server_without_the_headers_gives_one_thread_and_the_page_says_so(driver, server, images, monkeypatch):
    opened = Page(driver, server.url)
    cores = opened.script("return navigator.hardwareConcurrency")
    expected = "one thread" if cores == 1 else f"{min(4, cores)} threads"
    assert opened.text("facts") == f"AlexNet, variant tiny: 3 classes, 0.0 MB, {expected}."
    monkeypatch.setattr(web_server, "HEADERS", {})
    opened = Page(driver, server.url)
    assert "one thread (the server does not send the headers that browsers require for several threads)" in opened.text(
        "facts"
    )
    assert opened.choose(images[0]).keys() == {"blue", "green", "red"}


def test_a_missing_model_is_explained(driver, server, monkeypatch):
    from selenium.webdriver.support.ui import WebDriverWait

    for name in ("/model.tflite", "/network.json"):
        monkeypatch.delitem(server.files, name)
        driver.get(server.url)
        WebDriverWait(driver, SECONDS).until(lambda driver: driver.find_element("id", "problem").text)
        assert driver.find_element("id", "problem").text == (
            f"The page cannot start: {name[1:]} cannot be loaded (404 Not Found). Load the page again."
        )


def test_the_network_in_the_package_answers_without_a_run_and_without_data(
    runtime, driver, serve, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shapes, "NUM_IMAGES", {"train": 20, "validation": 20})
    result = cli("export", "--format", "web")
    assert (result.code, result.out.splitlines()[-1]) == (0, "  alexnet-keras web web"), result.err
    runpy.run_path(str(ROOT / "examples" / "parachute.py"))
    for server in serve(tmp_path / "web"):
        found = Page(driver, server.url).choose(tmp_path / "parachute.png")
    assert max(found, key=found.get) == "parachute"
