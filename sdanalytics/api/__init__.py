"""HTTP only: logins, requests, retries, rate limits, and the operations of each version."""
