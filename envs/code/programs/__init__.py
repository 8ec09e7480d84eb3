"""Tasks of writing and repairing."""
