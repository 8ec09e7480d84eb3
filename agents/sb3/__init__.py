"""MaskablePPO of Stable-Baselines3 (contrib) as a learner."""
