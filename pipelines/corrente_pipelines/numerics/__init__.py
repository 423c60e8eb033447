"""Arithmetic on arrays, with no notion of streams, formats or specs."""
