"""Our tasks in other people's libraries: Inspect, verifiers, TRL, GEM, OpenEnv. See docs/adapters.md."""
