"""Amazon's vocabulary as plain data: metrics, dtypes, partitions, queries, profiles."""
