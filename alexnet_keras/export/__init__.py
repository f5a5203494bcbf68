"""SavedModel, TFLite and ONNX files, a web page, and the parity check that compares them with the Keras model."""
