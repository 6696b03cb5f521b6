"""Every error the gateway raises on purpose, in one tree.

    GatewayError                     code, message, fix, http status
    ├── ConfigError                  config_invalid: file, line and key of what is wrong in the configuration
    ├── UsageError                   usage: an argument, a request body or a command line is wrong
    ├── Unauthenticated              unauthenticated: no bearer, or one that is not valid here
    ├── Forbidden                    forbidden: authenticated, but not allowed to do this
    ├── NotFound                     not_found: no such run, token, session (or not yours: the same answer)
    ├── Conflict                     conflict: the thing is not in a state in which this can be done
    ├── Busy                         busy: the gateway is at a configured cap; try again
    ├── TooLarge                     too_large: a request's headers or body are over their cap
    ├── TooSlow                      too_slow: a request's body did not arrive in time
    ├── PolicyDenied                 policy_denied: no grant opens this call (a program sees PolicyError)
    ├── RunError                     a run ended badly; the code says how
    │   ├── ProgramFailed            program_error: the program threw, or returned what has no JSON form
    │   ├── LimitExceeded            limit_exceeded: names the limit
    │   ├── ProcessDied              process_died: the sandbox process went away by itself
    │   ├── BadFrame                 bad_frame: the process broke the frame protocol
    │   └── Diverged                 diverged: a replay asked for something else than the journal holds
    ├── CheckerUnavailable           checker_unavailable: the type checker cannot answer now
    ├── UpstreamError                an upstream MCP server could not serve a call
    │   ├── UnknownTool              unknown_tool: with the nearest names
    │   ├── UpstreamUnavailable      upstream_unavailable: not connected, or it died during the call
    │   ├── UpstreamTimeout          upstream_timeout
    │   ├── UpstreamProtocolError    upstream_protocol: it answered with something that is not MCP, or too large
    │   └── ToolFailed               tool_error: the tool itself said isError (a program sees ToolError)
    └── StoreError
        ├── StoreUnavailable         store_unavailable: Redis / Valkey cannot be reached
        ├── StaleWriter              stale_writer: another replica owns this run now (epoch or length differ)
        └── StoreCorrupt             store_corrupt: what was read breaks the hash chain or its own format

Codes are stable: clients and scripts may match on them. `fix` says what to do next and is part of `str(error)`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GatewayError(Exception):
    """Base of all. `message` says what is wrong and where, `fix` what to do about it."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, fix: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()

    def as_dict(self) -> dict[str, Any]:
        """The JSON form for clients: code, message (with the fix), and the details that are not None."""
        known = {key: value for key, value in self.details.items() if value is not None}
        return {"code": self.code, "message": str(self), **known}


class ConfigError(GatewayError):
    code = "config_invalid"


class UsageError(GatewayError):
    code = "usage"
    status = 400


class Unauthenticated(GatewayError):
    code = "unauthenticated"
    status = 401


class Forbidden(GatewayError):
    code = "forbidden"
    status = 403


class NotFound(GatewayError):
    code = "not_found"
    status = 404


class Conflict(GatewayError):
    code = "conflict"
    status = 409


class Busy(GatewayError):
    code = "busy"
    status = 429


class TooLarge(GatewayError):
    code = "too_large"
    status = 413


class TooSlow(GatewayError):
    code = "too_slow"
    status = 408


class PolicyDenied(GatewayError):
    code = "policy_denied"
    status = 403


class RunError(GatewayError):
    code = "run_failed"


class ProgramFailed(RunError):
    code = "program_error"


class LimitExceeded(RunError):
    code = "limit_exceeded"


class ProcessDied(RunError):
    code = "process_died"


class BadFrame(RunError):
    code = "bad_frame"


class Diverged(RunError):
    code = "diverged"


class CheckerUnavailable(GatewayError):
    code = "checker_unavailable"
    status = 503


class UpstreamError(GatewayError):
    code = "upstream_error"
    status = 502


class UnknownTool(UpstreamError):
    code = "unknown_tool"


class UpstreamUnavailable(UpstreamError):
    code = "upstream_unavailable"


class UpstreamTimeout(UpstreamError):
    code = "upstream_timeout"


class UpstreamProtocolError(UpstreamError):
    code = "upstream_protocol"


class ToolFailed(UpstreamError):
    code = "tool_error"


class StoreError(GatewayError):
    code = "store_error"
    status = 503


class StoreUnavailable(StoreError):
    code = "store_unavailable"


class StaleWriter(StoreError):
    code = "stale_writer"


class StoreCorrupt(StoreError):
    code = "store_corrupt"
    status = 500
