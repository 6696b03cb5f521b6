"""Programs that a type checker chokes on: `ENDLESS` take it many seconds, `ANSWERED` it gives up on by itself."""

from __future__ import annotations

_DIGITS = "type D = 0|1|2|3|4|5|6|7|8|9; type N = `${D}${D}${D}${D}`; "
_COUNT = "type L<N extends number, A extends 0[] = []> = A['length'] extends N ? A : L<N, [...A, 0]>; "

ENDLESS = {
    "a megabyte's worth of modifiers": "async " * 60_000,
    "nested conditions": "const f = (n: number) => "
    + "".join(f"n === {i} ? {{ a{i}: {i} }} : " for i in range(4_000))
    + "0; return f(1);",
    "permutations": "type P<T, K = T> = [T] extends [never] ? [] : K extends K ? [K, ...P<Exclude<T, K>>] : never; "
    "const x: P<1|2|3|4|5|6|7|8|9> = 1; return x;",
}
ANSWERED = {
    "types that double": "type D<T extends unknown[]> = [...T, ...T];"
    + "".join(f"type A{n} = D<{f'A{n - 1}' if n else '[1, 2, 3, 4]'}>;" for n in range(40))
    + "const x: A39 = 1; return x;",
    "a recursive conditional type": _COUNT
    + "type F<N extends 0[]> = N extends [0, 0, ...infer R extends 0[]] ? [...F<[0, ...R]>, ...F<R>] : [0]; "
    "const x: F<L<24>> = 1; return x;",
    "a union of all texts": _DIGITS + "const x: `${N}${N}` = 1; return x;",
    "unions of objects": "".join(
        f"type U{i} = {'|'.join(f'{{a{j}: {j}, b: U{(i + 1) % 4}}}' for j in range(100))};" for i in range(4)
    )
    + "declare const x: U0; const y: U1 = x; const z: number = y; return z;",
    "inference through generics": "const d = <T,>(x: T) => ({ a: x, b: { c: x } }); const x0 = d(1);"
    + "".join(f"const x{i + 1} = d(x{i});" for i in range(60))
    + "const y: string = x60; return y;",
    "classes that refer to each other": "".join(
        f"class A{i}<T> {{ a!: A{(i + 1) % 30}<A{(i + 7) % 30}<T>>; b!: A{(i + 3) % 30}<{{c: T}}>; }}"
        for i in range(30)
    )
    + "declare const x: A0<string>; const z: A1<string> = x; return z;",
    "brackets": "return " + "[" * 60_000 + "]" * 60_000 + ";",
    "a long sum": "return " + "+".join(["'a'"] * 20_000) + " as number;",
    "two megabytes": "return '" + "x" * 2_000_000 + "';",
}
