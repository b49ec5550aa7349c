"""What one run of code took, moment by moment: a sampler, and allocation sites at the peak.

Standard library alone. It knows nothing of IPython; who runs the code starts and ends it.
"""
