"""Images encoded in memory, as the bytes of a file of any kind."""

import io

from PIL import Image

PICTURE = Image.effect_noise((40, 30), 50).convert("RGB")
SMOOTH = PICTURE.resize((403, 301), Image.Resampling.BICUBIC)  # odd sides, so that chroma has half a pixel at the end


def encode(kind: str, image: Image.Image = PICTURE, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
