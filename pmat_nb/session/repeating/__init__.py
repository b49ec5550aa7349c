"""``%%pmat_leaks --repeat N``: a cell that runs as ever, then again under the tracker.

``cell`` repeats, ``silence`` keeps the output of further runs off, ``progress`` tells how
far it is, ``names`` what the cell itself names. Nothing here is imported before a cell
asks for it.
"""
