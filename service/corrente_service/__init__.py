"""The service: takes streams in, runs the pipelines over them, sends the outputs out."""
