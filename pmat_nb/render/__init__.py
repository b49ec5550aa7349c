"""Frozen records to text, HTML, DataFrames and plots.

Scope: showing, never measuring. Modules are imported by name; pandas and matplotlib
only inside the functions that need them, so that loading the extension pays for
neither.
"""
