"""The cache on disk or object storage: partitions, and everything known about them."""
