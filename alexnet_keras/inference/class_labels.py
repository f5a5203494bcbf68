"""What classes are called, for people."""

import ast
import functools
import importlib.util
from pathlib import Path

# The synsets of Imagenette and Imagewoof, whose folders are named after WordNet and not after what they show.
SYNSET_WORDS = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
    "n02086240": "Shih-Tzu",
    "n02087394": "Rhodesian ridgeback",
    "n02088364": "beagle",
    "n02089973": "English foxhound",
    "n02093754": "Border terrier",
    "n02096294": "Australian terrier",
    "n02099601": "golden retriever",
    "n02105641": "Old English sheepdog",
    "n02111889": "Samoyed",
    "n02115641": "dingo",
}


@functools.cache
def imagenet_words() -> dict[str, str]:
    """The words of ImageNet's 1,000 synsets, which are WordNet's, as TensorFlow Datasets (Apache 2.0) ships them.

    They are read from its files, since importing it takes a second. Empty where it has none.
    """
    found = importlib.util.find_spec("tensorflow_datasets")
    if found is None or not found.submodule_search_locations:
        return {}
    root = Path(found.submodule_search_locations[0]) / "datasets"
    try:
        synsets = (root / "imagenet2012" / "labels.txt").read_text().split()
        statements = ast.parse((root / "siscore" / "labels.py").read_text()).body
    except OSError:
        return {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "IMAGENET_LABELS_LIST":
            words = ast.literal_eval(statement.value)
            return dict(zip(synsets, words, strict=True)) if len(words) == len(synsets) else {}
    return {}


def readable(class_name: str) -> str:
    """The first words of a known synset, else the name itself."""
    if class_name in SYNSET_WORDS:
        return SYNSET_WORDS[class_name]
    return imagenet_words().get(class_name, class_name).split(",")[0] if _is_synset(class_name) else class_name


def _is_synset(name: str) -> bool:
    return len(name) == 9 and name[0] == "n" and name[1:].isdecimal()
