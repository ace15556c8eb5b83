"""The service: its operations, its logins, its dialects."""
