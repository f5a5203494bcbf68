"""SavedModel, TFLite and ONNX files, and the parity check that compares them with the Keras model."""
