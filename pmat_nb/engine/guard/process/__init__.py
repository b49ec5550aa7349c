"""What runs inside the guard process: ``os``, ``sys``, ``time`` and little else.

The guard starts these modules under an empty ``pmat_nb`` package, so nothing of
the kernel side is imported there; they must never import beyond this folder.
"""
