"""Pruning, weight clustering and entropy coding."""
