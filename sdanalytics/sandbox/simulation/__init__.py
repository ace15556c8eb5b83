"""The advertisers that the sandbox makes up, and the reports about them."""
