"""The server: which tools there are, what they may change, and how their errors are told."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import ValidationError

from pmat_nb import __version__
from pmat_nb.errors import PmatError

from . import tools
from .arguments import refusal
from .notebooks import run_tool

__all__ = ["make_server"]

_ABOUT = (
    "Memory of the user's Jupyter kernels. The tools read kernels that have run `%load_ext "
    "pmat_nb`; memory_kernels lists all that run, and with several of them `kernel` says which. "
    "Figures are measured; null means unknown, not 0. No tool takes code."
)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_CLEANS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
# What a notebook does nobody knows beforehand.
_RUNS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)


def make_server(folder: Path) -> MCPServer[Any]:
    """The server, with ``run_notebook`` for the notebooks of ``folder``."""
    readers = (
        tools.memory_kernels,
        tools.memory_stats,
        tools.memory_pools,
        tools.memory_pressure,
        tools.memory_leaks,
        tools.memory_recommend,
    )
    made = [_tool(function, _READS) for function in readers]
    made += [_tool(tools.memory_cleanup, _CLEANS), _tool(run_tool(folder), _RUNS)]
    return MCPServer(
        "pmat_nb",
        title="Memory of Jupyter kernels",
        instructions=_ABOUT,
        version=__version__,
        tools=made,
        log_level="WARNING",
    )


class _Plain(Tool):
    """A tool that says in words of ours which argument it does not take, and what it does."""

    async def run(
        self, arguments: dict[str, Any], context: Any, convert_result: bool = False
    ) -> Any:
        """As the SDK's, once the arguments are known to fit."""
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as wrong:
            names = [str(error["loc"][0]) for error in wrong.errors(include_url=False)]
            told = refusal(self.parameters, arguments, names)
            raise ToolError(f"{self.name}: {told}") from wrong
        return await super().run(arguments, context, convert_result)


def _tool(function: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """``function`` as a tool with a published result, that refuses arguments it does not have.

    A misspelt ``dry_run`` would otherwise be passed over, and the cleanup be done.
    """
    told = inspect.cleandoc(function.__doc__ or "")
    tool = _Plain.from_function(
        _telling(function), description=told, annotations=annotations, structured_output=True
    )
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with our errors as the SDK's, which reach the agent word for word."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **named: Any) -> Any:
            try:
                return await function(*args, **named)
            except PmatError as problem:
                raise ToolError(str(problem)) from problem

        return later

    @functools.wraps(function)
    def now(*args: Any, **named: Any) -> Any:
        try:
            return function(*args, **named)
        except PmatError as problem:
            raise ToolError(str(problem)) from problem

    return now
