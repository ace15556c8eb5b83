"""Domain-independent building blocks: time, deadlines, scheduling, logging, redaction."""
