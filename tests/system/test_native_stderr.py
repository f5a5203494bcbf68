"""C++ libraries are silenced, Python is not, and what was set up meanwhile still works afterwards."""

import os
import subprocess
import sys

from support import ROOT


def test_only_python_is_heard():
    code = (
        "import logging, os, sys\n"
        "from alexnet_keras.system import native_stderr\n"
        "for turn in range(2):\n"
        "    with native_stderr.silenced():\n"
        "        os.write(2, b'from C++\\n')\n"
        "        print('from Python', file=sys.stderr)\n"
        "        logging.basicConfig()\n"
        "logging.warning('from a logger')\n"
        "os.write(2, b'afterwards\\n')\n"
        "assert sys.stderr is sys.__stderr__\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == "from Python\nfrom Python\nWARNING:root:from a logger\nafterwards\n"


def process(code, *arguments):
    """What a program writes to standard error, with TensorFlow's own level of messages."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, env=environment, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stderr


def test_a_model_is_built_and_fitted_without_a_line_of_tensorflow(folder):
    code = (
        "import sys\n"
        "from alexnet_keras import AlexNet, load_data\n"
        "import keras\n"
        "train, _ = load_data(sys.argv[1], batch_size=4, input_size=67)\n"
        "model = AlexNet(classes=3, width=0.25, input_shape=(67, 67, 3))\n"
        "model.compile(keras.optimizers.SGD(0.01), 'sparse_categorical_crossentropy')\n"
        "model.fit(train.take(1), shuffle=False, verbose=0)\n"
    )
    assert process(code, folder) == ""


def test_every_function_loads_keras_quietly(run):
    code = (
        "import sys, pytest\n"
        "import alexnet_keras\n"
        "from alexnet_keras import api, figures\n"
        "from alexnet_keras.system import native_stderr\n"
        "class Noticed(Exception): pass\n"
        "def noticed(): raise Noticed\n"
        "api.import_keras = figures.import_keras = native_stderr.import_keras = noticed\n"
        "run = sys.argv[1]\n"
        "model = run + '/model.keras'\n"
        "image = run + '/example.png'\n"
        "calls = [lambda name=name: getattr(alexnet_keras, name) for name in alexnet_keras._WITH_KERAS] + [\n"
        "    lambda: alexnet_keras.train('shapes', run=run + '-new'),\n"
        "    lambda: alexnet_keras.evaluate(run),\n"
        "    lambda: alexnet_keras.predict(model, [image] * 101),\n"
        "    lambda: alexnet_keras.export(run, 'tflite'),\n"
        "    lambda: next(api.export_all(run)),\n"
        "    lambda: alexnet_keras.report(run),\n"
        "    lambda: alexnet_keras.reproduce('figure-1'),\n"
        "    lambda: figures.filters,\n"
        "]\n"
        "for call in calls:\n"
        "    with pytest.raises(Noticed):\n"
        "        call()\n"
        "    assert not {'keras', 'tensorflow'} & sys.modules.keys(), call\n"
    )
    assert process(code, run) == ""
