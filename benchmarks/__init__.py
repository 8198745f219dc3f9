"""`make bench`: our daemon and other ways to serve the same calls in Python, side by side. Results in results.md."""
