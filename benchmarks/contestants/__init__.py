"""Scripts that do one thing in one way, each in the environment of whose way it is."""
