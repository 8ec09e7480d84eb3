"""Causal language models that learn by practice, in plain torch. Needs ``etude-gym[finetune]``."""
