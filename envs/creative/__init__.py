"""Creative problem-solving: novel combinations that work, and ideas judged by people."""
