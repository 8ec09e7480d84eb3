"""Practice as a service for somebody else's trainer: `etude serve`."""
