"""For programs that call the service."""
