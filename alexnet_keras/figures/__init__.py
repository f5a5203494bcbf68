"""Figures that explain the code."""
