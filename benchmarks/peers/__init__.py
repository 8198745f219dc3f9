"""The same calls, served in other languages: a server in each, as the documentation of its libraries shows."""
