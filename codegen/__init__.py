"""MCP tool definitions → one precise, safe, readable TypeScript module. A pure library: no I/O but `write`."""

from codegen.observed import Observed, observe
from codegen.render import Module, ToolDecl, generate, write
from codegen.source import ServerSpec, load_dump

__all__ = ["Module", "Observed", "ServerSpec", "ToolDecl", "generate", "load_dump", "observe", "write"]
