"""The network: its figure, its layers, and how models are loaded and saved."""
