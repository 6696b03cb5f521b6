"""The command line: one group, a file per noun, loaded when it is asked for."""

from __future__ import annotations

import errno
import importlib
import sys
import traceback

import click

COMMANDS = {
    "serve": "Start the gateway",
    "stdio": "Serve MCP over stdin and stdout",
    "servers": "The MCP servers behind the gateway",
    "import": "Take over MCP servers from another client's configuration",
    "connect": "Show, or write, what an MCP client needs to connect",
    "token": "Issue, list and revoke tokens",
    "keys": "The keys that sign tokens and checkpoints",
    "policy": "What an agent may call, and why",
    "codegen": "Generate tools.d.ts and manifest.json",
    "check": "Type-check a program",
    "run": "Run a program",
    "runs": "Runs: look at them, stop them, decide what they wait for",
    "sessions": "Sessions: what their state holds, whose they are",
    "audit": "Who did what, and the proof that the record of it is whole",
    "doctor": "Find out what is wrong",
}


class _Commands(click.Group):
    """Each command is the attribute `command` of its own module, so that `gateway token` never loads a web server."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = "imports" if cmd_name == "import" else cmd_name
        command: click.Command = importlib.import_module(f"gateway.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mcp-code-gateway")
def gateway() -> None:
    """Models write TypeScript against your MCP servers; programs are type-checked, durable and revocable."""


def main() -> None:
    """Exit codes: 0 fine, 1 failed, 2 wrong usage. What was not foreseen is told in one line; -X dev shows where."""
    try:
        gateway(prog_name="gateway")
    except Exception as error:
        if sys.flags.dev_mode:
            traceback.print_exception(error)
        told = f"{type(error).__name__}: {error}\nThis is a bug of the gateway; please report it."
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            told = "There is no space left where this writes to. Make room, or write elsewhere."
        click.echo(f"Error: {told}", err=True)
        raise SystemExit(1) from error
