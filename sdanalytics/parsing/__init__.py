"""From the bytes of a report to an Arrow table of the right types."""
