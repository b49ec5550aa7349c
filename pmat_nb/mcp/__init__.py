"""``pmat-nb mcp``: the kernels' figures as an agent's tools (Model Context Protocol, stdio).

Tools read, clean up and run notebook files of one folder; none takes code. What they answer is
what the command line answers, under the names of ``to_dict``, with a published schema.
"""
