"""`agents` and `deny`: who may call what. The grammar of a grant, and its canonical form for the policy engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from gateway.config.base import Model
from gateway.config.globs import argument_glob_fault
from gateway.config.quantities import Duration, PlainName, Scalar, Words
from gateway.model import Grant

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}", re.ASCII)
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_BY = re.compile(r"owner|(role|user):\S+")


def _days(value: object) -> object:
    """`mon-fri`, `[mon, wed-fri]` → the days, in the week's order. What is not a day is left for the type to refuse."""
    words = (value,) if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        return value
    found: list[object] = []
    for word in words:
        first, dash, last = word.strip().lower().partition("-") if isinstance(word, str) else (word, "", "")
        if dash and first in DAYS and last in DAYS:
            start, span = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7
            found += [DAYS[(start + step) % 7] for step in range(span + 1)]
        else:
            found.append(word.strip().lower() if isinstance(word, str) else word)
    known = [day for day in DAYS if day in found]
    return tuple(known) + tuple(word for word in found if word not in DAYS)


def _minute(text: str) -> str:
    if not _MINUTE.fullmatch(text):
        raise ValueError("expected HH:MM, such as 09:00")
    return text


def _bounds(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"min": value[0], "max": value[1]}
    return value


Minute = Annotated[str, AfterValidator(_minute)]


class WhenConfig(Model):
    """Annotations that a tool must have, as the operator or else its server states them."""

    read_only: bool | None = Field(default=None, description="Absent in the server's list counts as `false`.")
    destructive: bool | None = Field(default=None, description="Absent in the server's list counts as `true`.")
    idempotent: bool | None = Field(default=None, description="Absent in the server's list counts as `false`.")
    open_world: bool | None = Field(default=None, description="Absent in the server's list counts as `true`.")


class RangeConfig(Model):
    min: int | float | None = Field(default=None, description="The least number allowed.")
    max: int | float | None = Field(default=None, description="The greatest number allowed.")

    @model_validator(mode="after")
    def _not_empty(self) -> RangeConfig:
        if self.min is None and self.max is None:
            raise ValueError("a range needs 'min', 'max' or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("'min' is greater than 'max'")
        return self


class ArgumentConfig(Model):
    """What one argument must satisfy; all that is given must hold. Of a list, every element must."""

    glob: Words | None = Field(
        default=None,
        description="One of these globs fits the whole text: `*` stays within a `/` segment, `**` crosses.",
    )
    one_of: tuple[Scalar, ...] | None = Field(default=None, min_length=1, description="Exactly one of these values.")
    range: Annotated[RangeConfig, BeforeValidator(_bounds)] | None = Field(
        default=None, description="A number within `[min, max]`, both included; or a mapping with `min`, `max` or both."
    )
    max_bytes: int | None = Field(
        default=None, ge=0, description="At most so many bytes: of the text in UTF-8, or of the value as JSON."
    )

    @field_validator("glob")
    @classmethod
    def _canonical(cls, globs: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for glob in globs or ():
            if fault := argument_glob_fault(glob):
                raise ValueError(f"such a glob can never fit: {fault}")
        return globs

    @field_validator("one_of")
    @classmethod
    def _scalars(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if any(isinstance(value, dict | list | tuple) for value in values or ()):
            raise ValueError("expected texts, numbers, booleans or null")
        return values

    @model_validator(mode="after")
    def _says_something(self) -> ArgumentConfig:
        if not self.model_fields_set:
            raise ValueError("a constraint needs 'glob', 'one_of', 'range' or 'max_bytes'")
        return self


class GrantLimits(Model):
    """How much may pass this grant, counted over all replicas."""

    per_minute: int | None = Field(default=None, ge=1, description="Calls of the agent in any 60 seconds.")
    per_run: int | None = Field(default=None, ge=1, description="Calls of one run.")
    per_day: int | None = Field(default=None, ge=1, description="Calls of the agent in one day (UTC).")
    bytes: int | None = Field(default=None, ge=1, description="Bytes of arguments and results of one run.")


class HoursConfig(Model):
    """A weekly window. `to` before `from` goes past midnight, and belongs to the day on which it began."""

    days: Annotated[tuple[Day, ...], BeforeValidator(_days)] = Field(
        default=DAYS, min_length=1, description="Days such as `[mon, wed]` or `mon-fri`."
    )
    from_: Minute = Field(
        default="00:00", validation_alias="from", serialization_alias="from", description="First minute, `HH:MM`."
    )
    to: Minute = Field(default="24:00", description="The minute after the last, `HH:MM`.")
    tz: str = Field(default="UTC", description="IANA time zone, for example `Europe/Zurich`.")

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        unknown = ValueError("not a time zone known on this machine, such as UTC or Europe/Zurich")
        # The library makes a module's name of it: what is no name of a zone does not get that far.
        if not _ZONE.fullmatch(name):
            raise unknown
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise unknown from error
        return name

    @model_validator(mode="after")
    def _not_empty(self) -> HoursConfig:
        if self.from_ == self.to:
            raise ValueError("'from' and 'to' are the same minute")
        return self


class ApprovalConfig(Model):
    by: str = Field(description="Who may answer: `role:NAME`, `user:NAME` or `owner` (the agent's).")
    ttl: Duration = Field(
        default=600, description="How long an answer is waited for, and how long a granted one holds."
    )

    @field_validator("by")
    @classmethod
    def _names_someone(cls, by: str) -> str:
        if not _BY.fullmatch(by):
            raise ValueError("expected role:NAME, user:NAME or owner")
        return by


class DenyConfig(Model):
    """A closed door, for every agent. It wins over any grant."""

    server: str = Field(min_length=1, description="Glob of server names.")
    tools: Words = Field(min_length=1, description="Globs of tool names; `*` fits any.")
    when: WhenConfig = Field(default=WhenConfig(), description="Only tools with these annotations.")
    args: dict[str, ArgumentConfig] = Field(
        default={},
        description="Argument → what it must satisfy. A name that begins with `/` is a JSON pointer into objects.",
    )
    hours: HoursConfig | None = Field(default=None, description="Only within this window.")

    def to_grant(self) -> Grant:
        """The canonical form, plain JSON types throughout, as stored with tokens and read by `engine.policy`."""
        return Grant(
            server=self.server,
            tools=self.tools,
            when=_given(self.when),
            args={name: _given(argument) for name, argument in self.args.items()},
            hours=None if self.hours is None else _given(self.hours, defaults=True),
        )


class GrantConfig(DenyConfig):
    """An open door: tools of servers, and under which conditions."""

    limits: GrantLimits = Field(default=GrantLimits(), description="How often, and how much.")
    approval: ApprovalConfig | None = Field(default=None, description="A person has to agree to each call.")

    def to_grant(self) -> Grant:
        grant = super().to_grant()
        approval = self.approval
        return Grant(
            server=grant.server,
            tools=grant.tools,
            when=grant.when,
            args=grant.args,
            limits=_given(self.limits),
            hours=grant.hours,
            approval=None if approval is None else {"by": approval.by, "ttl": str(approval.ttl)},
        )


def _given(section: Model, *, defaults: bool = False) -> Mapping[str, Any]:
    return section.model_dump(mode="json", by_alias=True, exclude_none=not defaults)


class AgentConfig(Model):
    """An identity for a program or model that acts: who answers for it, and which doors are open to it."""

    owner: str = Field(min_length=1, max_length=200, description="The person who answers for the agent.")
    description: str = Field(
        default="", max_length=2_000, description="What the agent is for; shown when someone consents."
    )
    tenant: PlainName = Field(
        default="default",
        description="Agents of one tenant share an audit chain.",
    )
    max_ttl: Duration = Field(default=90 * 86_400, description="The longest lifetime of a token of this agent.")
    grants: tuple[GrantConfig, ...] = Field(default=(), description="The open doors. None: the agent may call nothing.")

    @cached_property
    def policy(self) -> tuple[Grant, ...]:
        """The grants for the policy engine, in the file's order. Always the same tuple: it is compiled once."""
        return tuple(grant.to_grant() for grant in self.grants)
