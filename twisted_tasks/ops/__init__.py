"""What an operator meets."""
