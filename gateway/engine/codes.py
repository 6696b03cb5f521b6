"""TypeScript's error codes by what they mean for a program; `engine.verdicts` looks at the place as well.

A code that is in no table only warns. The checker is no wall: what it lets through fails in the sandbox at the author's
line, or at the server, while what it refuses wrongly cannot be run at all. Codes below 2000 are the exception: they are
syntax, and what TypeScript cannot parse V8 cannot either.
"""

from __future__ import annotations

from collections.abc import Mapping

PROPERTIES: Mapping[int, str] = {
    2339: "a property that its value does not have",
    2551: "the same, and one with a similar name is there",
    7053: "the same as an index",
}
ARGUMENTS: Mapping[int, str] = {
    2322: "a value of a wrong type",
    2345: "an argument of a wrong type",
    2353: "a property that the type does not have",
    2554: "too few or too many arguments",
    2555: "too few arguments for a rest parameter",
    2559: "an object that has nothing in common with the type",
    2561: "a property that the type does not have, with a similar one",
    2739: "missing properties",
    2740: "many missing properties",
    2741: "a missing property",
    2769: "arguments that fit none of the ways to call it",
    2820: "a text that is not one of those allowed, with a similar one",
}
NAMES: Mapping[int, str] = {
    2304: "a name that nobody declared",
    2552: "the same, with a similar one",
    2583: "a name of ECMAScript that the sandbox does not have",
    2584: "a name of browsers",
    2591: "a name of Node.js",
    2592: "jQuery",
    2593: "a test runner's name",
    2663: "a member that is used without `this`",
    2868: "Bun",
    18004: "a shorthand property without a variable",
}
ALWAYS: Mapping[int, str] = {
    2300: "two declarations of one name",
    2335: "`super` in a class that extends nothing",
    2337: "`super()` outside a constructor",
    2349: "a call of what is no function",
    2351: "`new` of what is no class",
    2357: "`++` of what is no variable",
    2359: "`instanceof` something that is no class",
    2364: "an assignment to what is no variable",
    2365: "arithmetic with a bigint and a number",
    2377: "a derived class whose constructor does not call `super()`",
    2391: "a function without a body",
    2448: "a variable used before its declaration",
    2449: "a class used before its declaration",
    2451: "two declarations of one variable",
    2488: "iteration over what cannot be iterated",
    2492: "a variable with the name of what is caught",
    2504: "`for await` over what cannot be iterated",
    2507: "a class that extends what is no class",
    2563: "a function with too many branches to be checked",
    2588: "an assignment to a constant",
    2614: "an import of what the module does not have",
    2632: "an assignment to an import",
    2693: "a type used as a value",
    2724: "an import of what the module does not have, with a similar one",
    2801: "a promise used as a condition: `await` is missing",
    17009: "`this` before `super()`",
    18013: "a private member used outside its class",
    18050: "a literal null or undefined that is looked into",
}
REJECTS: Mapping[int, str] = {**PROPERTIES, **ARGUMENTS, **NAMES, **ALWAYS}
"""Code → why a program with it is rejected. The first three groups depend on where it stands."""

HARMLESS_SYNTAX: Mapping[int, str] = {
    1016: "a required parameter after an optional one",
    1064: "an async function that says what it returns, but not as a promise",
    1117: "one name twice in an object literal",
    1196: "a type for what is caught",
    1345: "a result that is nothing, used as a condition",
}
"""Codes below 2000 with which a program runs all the same."""

UNTYPED: frozenset[int] = frozenset(
    {2571, 7005, 7006, 7008, 7010, 7011, 7018, 7019, 7022, 7023, 7024, 7031, 7034, 7041, 18046}
)
"""Something without a type, or whose type is not known: the checker cannot say more about it."""
UNUSED: frozenset[int] = frozenset({6133, 6138, 6196})
HABITS: Mapping[int, str] = {
    2362: "arithmetic with what is no number, such as a date",
    2363: "the same, on the right",
    2683: "`this` in a plain function",
    2794: "`resolve()` without a value",
    7009: "`new` of a plain function",
}
"""Nothing is said about these."""
UNREACHABLE = 7027
FIRST_SEMANTIC = 2000
