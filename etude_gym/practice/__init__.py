"""Practice: task samplers, which choose the next task, the learner model and the league."""
