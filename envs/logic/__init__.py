"""EtudeLogic-v0: multi-step logical reasoning over premises and a query."""
