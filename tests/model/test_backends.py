"""The other backends of Keras, each in a process of its own, because Keras settles its backend once for a process."""

import importlib.util
import os
import subprocess
import sys

import pytest
from support import ROOT

PROGRAM = """
import sys
import keras
import numpy as np
from alexnet_keras import AlexNet, KrizhevskySGD, load_model

images = np.random.RandomState(0).randint(0, 256, (4, 67, 67, 3), dtype=np.uint8)
options = {"classes": 3, "input_shape": (67, 67, 3), "filters": (8,) * 5, "hidden_units": (16, 16)}
for variant in ("original", "batchnorm"):
    model = AlexNet(variant, **options)
    model.compile(KrizhevskySGD(learning_rate=0.001), "sparse_categorical_crossentropy")
    model.fit(images, np.array([0, 1, 2, 0]), batch_size=2, verbose=0)
    model.save(sys.argv[1])
    expected = model.predict(images, verbose=0)
    for other in (load_model(sys.argv[1]), AlexNet(variant, weights=sys.argv[1], **options)):
        np.testing.assert_allclose(other.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-5)
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_network_is_built_fitted_saved_and_loaded(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == backend
