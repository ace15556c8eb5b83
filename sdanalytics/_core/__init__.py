"""Building blocks that know no domain: time, deadlines, scheduling, logging, redaction."""
