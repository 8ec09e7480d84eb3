"""``python -m etude_gym.cli``."""

from etude_gym.cli.main import main

main()
