"""Where images come from: folders, ImageNet, TensorFlow Datasets and the embedded shapes."""
