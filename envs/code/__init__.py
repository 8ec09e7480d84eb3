"""EtudeCode: write, repair and restructure small Python programs."""
