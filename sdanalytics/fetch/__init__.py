"""From a query to a frame: what is missing is requested, polled, downloaded and stored."""
