"""Limits on what a cell or the kernel may hold, and what happens when one is reached.

``limits`` turns what was typed into bytes, or refuses it; ``protector`` arms the guard
around each cell; ``stops`` turns a stop into what the user sees; ``release`` gives the
memory back; ``growth`` finds what grew.
"""
