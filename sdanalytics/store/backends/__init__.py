"""Where a store is kept: a folder, or object storage."""
