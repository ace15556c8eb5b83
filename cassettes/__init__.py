"""Recorded traffic of both API versions, and the script that records it."""
