"""Random programs, made from a grammar. What they return does not depend on timing, except where they say so:

    {"oneOf": [a, b], "got": a}      the winner of a race
    {"orderOf": [a, b], "got": [b, a]}  the order in which branches went on
    {"doubt": "InDoubtError"}        a call with `onDoubt: "throw"` whose outcome is not known

`same` compares two results with that in mind. Every call carries the program's label and a site of its own, so that
what an upstream saw can be told apart and compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NEVER = "never"
"""Events whose names begin so are never sent."""


@dataclass(frozen=True, slots=True)
class Program:
    label: str
    code: str

    @property
    def events(self) -> list[str]:
        """The names that it waits for, each once."""
        return re.findall(rf'waitFor\("({self.label}-\w+)"\)', self.code)


class Maker:
    """Writes one program. `_sites` numbers its calls."""

    def __init__(self, rng: random.Random, label: str) -> None:
        self._rng = rng
        self._label = label
        self._sites = 0
        self._names = 0

    def program(self) -> Program:
        body = self.block("out", depth=2, length=self._rng.randint(2, 6))
        ends = ["return out;", "return out;", "return out;", f'throw new Error("end of {self._label}");']
        tail = [self._unawaited()] if self._rng.random() < 0.2 else []
        code = "\n".join(["const out: any[] = [];", *body, *tail, self._rng.choice(ends)])
        return Program(self._label, code)

    def block(self, out: str, depth: int, length: int) -> list[str]:
        return [line for _ in range(length) for line in self._statement(out, depth)]

    def _statement(self, out: str, depth: int) -> list[str]:
        simple: list[Callable[[str], list[str]]] = [
            self._call, self._call, self._loop, self._all, self._settled, self._any, self._raced, self._caught,
            self._sleep, self._sleep, self._timer, self._state, self._event, self._events, self._ask, self._approve,
            self._random, self._large, self._doubt, self._long_race, self._generator,
        ]  # fmt: skip
        if depth and self._rng.random() < 0.25:
            return self._branches(out, depth)
        return self._rng.choice(simple)(out)

    # --- calls -------------------------------------------------------------------------------------------------

    def _args(self, tool: str, **more: str) -> tuple[str, str]:
        """A call, and the text that it answers with."""
        self._sites += 1
        site = f"s{self._sites}"
        slow = self._rng.random()
        ms = 0 if slow < 0.7 else self._rng.randint(5, 200) if slow < 0.93 else self._rng.randint(500, 1200)
        fields = {"label": f'"{self._label}"', "site": f'"{site}"', **({"ms": str(ms)} if ms else {}), **more}
        text = ", ".join(f"{key}: {value}" for key, value in fields.items())
        return f"tools.rec.{tool}({{ {text} }})", f"{self._label}/{site}"

    def _tool(self) -> str:
        return self._rng.choice(["read", "put", "act", "act"])

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _call(self, out: str) -> list[str]:
        return [f"{out}.push((await {self._args(self._tool())[0]}).got);"]

    def _loop(self, out: str) -> list[str]:
        i = self._name()
        call = self._args(self._tool(), i=i)[0]
        return [f"for (let {i} = 0; {i} < {self._rng.randint(2, 5)}; {i}++) {out}.push((await {call}).got);"]

    def _all(self, out: str) -> list[str]:
        calls = ", ".join(self._args(self._tool())[0] for _ in range(self._rng.randint(2, 4)))
        return [f"{out}.push((await Promise.all([{calls}])).map((r: any) => r.got));"]

    def _settled(self, out: str) -> list[str]:
        calls = ", ".join([self._args(self._tool())[0], self._args("fail")[0]])
        return [f"{out}.push((await Promise.allSettled([{calls}])).map((r: any) => r.status));"]

    def _any(self, out: str) -> list[str]:
        calls = ", ".join([self._args("fail")[0], self._args(self._tool())[0]])
        return [f"{out}.push((await Promise.any([{calls}]) as any).got);"]

    def _raced(self, out: str) -> list[str]:
        won = self._rng.choice([f'waitFor("{NEVER}")', 'sleep("30 days")'])
        return [f"{out}.push((await Promise.race([{self._args(self._tool())[0]}, {won}]) as any).got);"]

    def _long_race(self, out: str) -> list[str]:
        """Who wins is open; what it goes on with depends on it."""
        (a, a_says), (b, b_says) = self._args(self._tool()), self._args(self._tool())
        then, then_says = self._args("read")
        other, other_says = self._args("read")
        won, more = self._name(), self._name()
        return [
            f"const {won} = (await Promise.race([{a}, {b}]) as any).got;",
            f'{out}.push({{ oneOf: ["{a_says}", "{b_says}"], got: {won} }});',
            f'const {more} = {won} === "{a_says}" ? await {then} : await {other};',
            f'{out}.push({{ oneOf: ["{then_says}", "{other_says}"], got: {more}.got }});',
        ]

    def _caught(self, out: str) -> list[str]:
        return [f"try {{ await {self._args('fail')[0]}; }} catch (e: any) {{ {out}.push([e.name, e.message]); }}"]

    def _doubt(self, out: str) -> list[str]:
        call = self._args("act")[0].removesuffix(")")
        asked = f'{out}.push({{ doubt: (await {call}, {{ onDoubt: "throw" }})).got }});'
        return [f"try {{ {asked} }} catch (e: any) {{ {out}.push({{ doubt: e.name }}); }}"]

    def _unawaited(self) -> str:
        return f"void {self._args(self._tool())[0]};"

    def _large(self, out: str) -> list[str]:
        size = self._rng.randint(70_000, 120_000)
        if self._rng.random() < 0.5:
            return [f"{out}.push((await {self._args('read', size=str(size))[0]}).pad.length);"]
        call = self._args(self._tool(), pad=f'"x".repeat({size})')[0]
        return [f"{out}.push((await {call}).got);"]

    def _generator(self, out: str) -> list[str]:
        name, i = self._name(), self._name()
        call = self._args(self._tool(), i=i)[0]
        return [
            f"async function* {name}() {{ for (let {i} = 0; {i} < 3; {i}++) yield (await {call}).got; }}",
            f"for await (const one of {name}()) {out}.push(one);",
        ]

    # --- waiting -----------------------------------------------------------------------------------------------

    def _ms(self) -> int:
        return self._rng.choice([self._rng.randint(1, 100), self._rng.randint(200, 1500)])

    def _sleep(self, out: str) -> list[str]:
        ms, name = self._ms(), self._name()
        how = self._rng.choice([str(ms), f'"{ms} ms"', f"new Date(Date.now() + {ms})"])
        return [f"const {name} = Date.now();", f"await sleep({how});", f"{out}.push(Date.now() - {name} >= {ms});"]

    def _timer(self, out: str) -> list[str]:
        ms = self._ms()
        lost = f"clearTimeout(setTimeout(() => {out}.push('never'), {ms}));"
        return [f"await new Promise((go) => setTimeout(go, {ms}));", lost, f"{out}.push('timer');"]

    def _state(self, out: str) -> list[str]:
        key = self._name()
        return [
            f'await state.set("{key}", [{out}.length, "{self._label}"]);',
            f'{out}.push(await state.get("{key}"));',
            f'await state.set("{key}", "{self._label} again");' if self._rng.random() < 0.5 else "",
            f'{out}.push(await state.get("{key}"));',
        ]

    def _event(self, out: str) -> list[str]:
        return [f"{out}.push(await {self._waited()});"]

    def _events(self, out: str) -> list[str]:
        return [f"{out}.push(await Promise.all([{', '.join(self._waited() for _ in range(3))}]));"]

    def _waited(self) -> str:
        return f'waitFor("{self._label}-{self._name()}")'

    def _ask(self, out: str) -> list[str]:
        return [f'{out}.push(await ask("{self._name()}?", {{ type: "object" }}));']

    def _approve(self, out: str) -> list[str]:
        return [f'{out}.push((await approve("{self._name()}?")).approved);']

    def _random(self, out: str) -> list[str]:
        name = self._name()
        call = self._args("read", pad=f"{name}.join()")[0]
        return [
            f"const {name} = [Math.random(), crypto.randomUUID(), Date.now(), performance.now()];",
            f"{out}.push((await {call}).pad === {name}.join());",
        ]

    # --- several at once ---------------------------------------------------------------------------------------

    def _branches(self, out: str, depth: int) -> list[str]:
        """Blocks side by side, with random numbers of microtasks in between; each has results of its own."""
        names = [self._name() for _ in range(self._rng.randint(2, 3))]
        order = self._name()
        lines = [f"const {order}: string[] = [];", "await Promise.all(["]
        for name in names:
            hops = f"for (let h = 0; h < {self._rng.choice([0, 1, 5, 40])}; h++) await null;"
            inner = self.block(name, depth - 1, self._rng.randint(1, 3))
            lines += [f"(async (): Promise<any> => {{ const {name}: any[] = []; {hops}", *inner]
            lines += [f'{order}.push("{name}"); return {name}; }})(),']
        joined = ", ".join(f'"{name}"' for name in names)
        lines[-1] = lines[-1].removesuffix(",")
        lines += [f"]).then((all) => {out}.push(...all));"]
        return [*lines, f"{out}.push({{ orderOf: [{joined}], got: {order} }});"]


def make(rng: random.Random, label: str) -> Program:
    return Maker(rng, label).program()


def same(left: Any, right: Any) -> bool:
    """Whether two results are the same but for what may differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        return _same_dicts(left, right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _same_dicts(left: dict[str, Any], right: dict[str, Any]) -> bool:
    if "oneOf" in left and left.get("oneOf") == right.get("oneOf"):
        return left["got"] in left["oneOf"] and right["got"] in left["oneOf"]
    if "orderOf" in left and left.get("orderOf") == right.get("orderOf"):
        return sorted(left["got"]) == sorted(right["got"]) == sorted(left["orderOf"])
    if "doubt" in left and "doubt" in right:
        return "InDoubtError" in (left["doubt"], right["doubt"]) or left == right
    return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
