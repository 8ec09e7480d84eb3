"""Difficulty: the axes of a domain, the space they span, and the bands that stratify it."""
