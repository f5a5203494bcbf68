"""A SavedModel serves without this package."""

import subprocess
import sys

from alexnet_keras import export
from alexnet_keras.export import Target


def test_it_serves_without_this_package(model, dataset, tmp_path):
    export.export(model, Target(format="saved_model"), tmp_path / "served", dataset)
    code = (
        "import sys, tensorflow as tf\n"
        "signature = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "print(signature(images=tf.zeros((3, 67, 67, 3)))['probabilities'].shape)\n"
        "assert 'alexnet_keras' not in sys.modules"
    )
    command = [sys.executable, "-c", code, tmp_path / "served"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "(3, 3)" in result.stdout, result.stderr
