"""The web: a process of its own, and a client of the daemon like any other."""
