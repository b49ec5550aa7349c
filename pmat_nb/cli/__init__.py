"""``pmat-nb``: the command line. Parses, calls what does the work, prints, and exits.

Exit codes: 0 fine, 1 a cell failed, 2 usage, 3 a memory gate or level failed, 4 a limit was
exceeded, 5 no kernel found.
"""
