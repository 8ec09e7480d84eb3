"""EtudeCreative-v0: inventions from the aspects of things."""
