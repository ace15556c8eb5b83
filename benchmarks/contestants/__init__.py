"""Contestants: scripts that run in the environment of the library they measure."""
