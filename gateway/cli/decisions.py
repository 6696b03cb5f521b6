"""`gateway runs approve|deny|answer|signal|resolve`: what a run waits for, from a person."""

from __future__ import annotations

from typing import Any

import click
import orjson

from gateway.cli.output import Command, emit, json_option, note
from gateway.cli.remote import Api, segment, with_api


class _JsonOrText(click.ParamType[Any]):
    """`{"n": 1}`, `42` and `null` are JSON; what is not JSON is a text as it stands."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return orjson.loads(value)
        except ValueError:
            return value


_run_id = click.argument("run_id", metavar="ID")
_cid = click.option("--cid", type=int, help="Which of its calls, where the run waits for several (see `runs show`).")
_VALUE = _JsonOrText()


def _tell(api: Api, run_id: str, what: str, body: Any, *, as_json: bool) -> None:
    done = api.post(f"/runs/{segment(run_id)}/{what}", body)
    emit(done) if as_json else note(f"Told {run_id}.")


@click.command(cls=Command)
@_run_id
@click.option("--comment", help="Passed on to the program.")
@_cid
@json_option
@with_api
def approve(api: Api, run_id: str, comment: str | None, cid: int | None, as_json: bool) -> None:
    """Agree to what a run asks for."""
    _tell(api, run_id, "approval", {"approved": True, "comment": comment, "cid": cid}, as_json=as_json)


@click.command(cls=Command)
@_run_id
@click.option("--comment", help="Passed on to the program.")
@_cid
@json_option
@with_api
def deny(api: Api, run_id: str, comment: str | None, cid: int | None, as_json: bool) -> None:
    """Refuse what a run asks for."""
    _tell(api, run_id, "approval", {"approved": False, "comment": comment, "cid": cid}, as_json=as_json)


@click.command(cls=Command)
@_run_id
@click.argument("value", type=_VALUE)
@_cid
@json_option
@with_api
def answer(api: Api, run_id: str, value: Any, cid: int | None, as_json: bool) -> None:
    """Give VALUE (JSON, or else a text) to a run that asks."""
    _tell(api, run_id, "answer", {"value": value, "cid": cid}, as_json=as_json)


@click.command(cls=Command)
@_run_id
@click.argument("event", metavar="NAME")
@click.argument("payload", type=_VALUE, required=False, default="null")
@json_option
@with_api
def signal(api: Api, run_id: str, event: str, payload: Any, as_json: bool) -> None:
    """Send event NAME with PAYLOAD (JSON, or else a text) to a run that waits for it, or will."""
    _tell(api, run_id, f"events/{segment(event)}", payload, as_json=as_json)


@click.command(cls=Command)
@_run_id
@click.option("--retry", is_flag=True, help="Send the call again.")
@click.option("--fail", is_flag=True, help="Let it have failed.")
@click.option("--supply", type=_VALUE, metavar="VALUE", help="Let it have returned VALUE (JSON, or else a text).")
@_cid
@json_option
@with_api
def resolve(api: Api, run_id: str, retry: bool, fail: bool, supply: Any, cid: int | None, as_json: bool) -> None:
    """Decide about a call that was sent and whose outcome is not known."""
    supplied = click.get_current_context().get_parameter_source("supply") is click.core.ParameterSource.COMMANDLINE
    choices = [name for name, given in (("retry", retry), ("fail", fail), ("supply", supplied)) if given]
    if len(choices) != 1:
        raise click.UsageError("Give one of --retry, --fail, --supply VALUE.")
    body = {"choice": choices[0], "value": supply, "cid": cid}
    _tell(api, run_id, "resolution", body, as_json=as_json)
