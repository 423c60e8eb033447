"""The demo: real recordings through a daemon, looked at while they run, and checked."""
