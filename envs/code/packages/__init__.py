"""Packages to refactor."""
