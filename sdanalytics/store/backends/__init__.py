"""Storage backends: a folder on this machine, or object storage."""
