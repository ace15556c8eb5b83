"""Recorded traffic of the version 2 flow, and the script that records it."""
