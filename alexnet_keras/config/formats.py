"""The formats of `export`, each with the number formats that it can have."""

# The number format of weights and activations; the first one is the default.
QUANTIZATIONS = {
    "saved_model": ("none",),
    "tflite": ("none", "float16", "dynamic", "int8", "int8-only"),
    "onnx": ("none", "int8"),
    "keras": ("none",),
    "web": ("int8", "none", "float16", "dynamic"),  # the page gives float32, so `int8-only` is not one of them
}
