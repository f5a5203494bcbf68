"""Devices, workers, replicas, and one tower per device."""
