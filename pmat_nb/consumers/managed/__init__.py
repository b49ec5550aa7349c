"""What pmat_nb itself manages for the user: caches, scratch buffers, strings, parsed trees."""
