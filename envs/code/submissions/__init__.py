"""What is submitted: reading, linking, running, measuring."""
