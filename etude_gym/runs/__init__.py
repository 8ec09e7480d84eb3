"""Runs: folders, practice, experiments."""
