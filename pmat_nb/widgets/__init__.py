"""The dashboard: one widget that shows a session and acts on it.

``feed`` pushes what is measured while a dashboard is open, ``panels`` say what each tab
shows, ``orders`` carry out what its controls ask for. The page's part is in ``static``.
"""
