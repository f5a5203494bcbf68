"""Drawn images in class folders, and the names of the images of a split."""

from pathlib import Path

from PIL import Image

NOISE = Image.effect_noise((20, 16), 60)


def draw(path: Path, kind: str = "PNG") -> Path:
    """Draw an image, which need not have the suffix of its kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    NOISE.save(path, kind)
    return path


def draw_classes(root: Path, count: int = 10, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    for name in names:
        for index in range(count):
            draw(root / name / f"{index}.png")
    return root


def names_of(split) -> set[str]:
    return {"/".join(Path(name).parts[-2:]) for name in split.names}
