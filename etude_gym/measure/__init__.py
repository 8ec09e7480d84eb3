"""Measurement: compute, anchor scores, learning curves, Practice Efficiency."""
