"""Imagewoof, ten breeds of dogs out of ImageNet, as a builder of TensorFlow Datasets, which has only its sisters."""

from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from alexnet_keras.data.sources.folders import images

URL = "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2.tgz"  # of github.com/fastai/imagenette
SYNSETS = (
    *("n02086240", "n02087394", "n02088364", "n02089973", "n02093754"),
    *("n02096294", "n02099601", "n02105641", "n02111889", "n02115641"),
)


class Imagewoof(tfds.core.GeneratorBasedBuilder):
    """9,025 training and 3,929 validation images at ImageNet's own sizes."""

    VERSION = tfds.core.Version("2.0.0")

    def _info(self) -> Any:
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=SYNSETS),
            "file_name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        root = Path(dl_manager.download_and_extract(URL)) / "imagewoof2"
        return {"train": self._generate_examples(root / "train"), "validation": self._generate_examples(root / "val")}

    def _generate_examples(self, folder: Path) -> Any:
        for synset in SYNSETS:
            for name in map(bytes.decode, images(folder / synset).tolist()):
                yield name, {"image": str(folder / synset / name), "label": synset, "file_name": name}
