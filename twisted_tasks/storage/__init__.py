"""Where tasks are kept: the interface, the stores behind it, and the wrappers over it."""
