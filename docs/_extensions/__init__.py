"""What the documentation has beside Sphinx's own extensions."""
