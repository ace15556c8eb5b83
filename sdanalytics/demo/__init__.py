"""The demo: an account on a sandbox, with a history, for notebooks and the command line."""
