"""``pmat-nb run``: notebooks and scenarios executed headless, measured, compared, judged."""
