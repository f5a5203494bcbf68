"""Trained weights of Caffe, PyTorch, NumPy and safetensors in one layout."""
