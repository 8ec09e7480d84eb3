"""What is handed in: reading, linking, running, measuring."""
