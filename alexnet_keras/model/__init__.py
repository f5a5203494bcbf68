"""The network, its layers, and how it is loaded and saved."""
