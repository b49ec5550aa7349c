"""Adapters for what holds memory in a kernel, one small module each.

A library is touched only if the kernel has it in ``sys.modules`` already.
"""
