"""Finders of what can be had with less memory, one module for each kind of waste."""
