"""The made-up advertisers of the sandbox, and the reports about them."""
