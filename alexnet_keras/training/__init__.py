"""The training program: run folder, training loop, checkpoints, optimizer."""
