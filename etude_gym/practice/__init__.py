"""Practice: who chooses the next task, and what is believed of the learner."""
