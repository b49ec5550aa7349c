"""Leaks: counters tell whether something grows, a few traced runs tell where.

``counters`` reads, ``series`` judges how a figure goes on, ``traces`` groups what
tracemalloc kept, ``sites`` finds the user's line, ``tracker`` puts them together.
Nothing here runs the user's code unless it is handed a function to repeat.
"""
