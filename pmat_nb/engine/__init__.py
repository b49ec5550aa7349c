"""The measuring core: probe, records, sizing, cells, history.

Standard library and psutil alone, so that it works in a plain script. Nothing
here prints, formats or imports a presentation library; a subprocess test holds
it to that.
"""
