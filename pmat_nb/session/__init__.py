"""One session per kernel: it owns the probe, the meters and the reports.

The magics and the command line call a session's methods and display what they
return; everything that outlives a single call lives here.
"""
