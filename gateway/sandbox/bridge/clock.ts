/**
 * The clock that a program sees. It stands still while the program runs and moves only when the host delivers a
 * completion, so a replay sees the same times. The process runs with TZ=UTC and LC_ALL=en_US.UTF-8 (flags.py), which
 * is where the zone and locale of `Date` and `Intl` come from.
 */

import {
  NativeDate,
  NativeWeakMap,
  objectDefineProperty,
  reflectApply,
  reflectConstruct,
  weakMapGet,
  weakMapSet,
} from "./primordials.ts";
import { addGlobal } from "./world.ts";

let started = 0;
let current = 0;

export function startClock(now: number): void {
  started = current = now;
}

export function setClock(now: number): void {
  current = now;
}

/** Milliseconds since the run started, as the program sees them. */
export function elapsed(): number {
  return current - started;
}

/** Replaces a method or a getter, keeping the property's other attributes. */
function replace(owner: object, key: string, replacement: PropertyDescriptor): void {
  objectDefineProperty(owner, key, { ...Object.getOwnPropertyDescriptor(owner, key), ...replacement });
}

const dateToText = Date.prototype.toString;

function installDate(): void {
  // A function and not a class: `Date()` without `new` gives a text.
  function Date(this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return reflectApply(dateToText, new NativeDate(current), []);
    return reflectConstruct(NativeDate, args.length === 0 ? [current] : args, new.target);
  }
  objectDefineProperty(Date, "length", { value: 7 });
  objectDefineProperty(Date, "prototype", { value: NativeDate.prototype, writable: false });
  const { UTC, parse } = NativeDate;
  const statics: Record<string, unknown> = { UTC, parse, now: () => current };
  for (const name of Object.keys(statics)) {
    objectDefineProperty(Date, name, { value: statics[name], writable: true, configurable: true });
  }
  objectDefineProperty(NativeDate.prototype, "constructor", { value: Date });
  addGlobal("Date", Date);
}

function installTemporal(): void {
  const { Instant, Now } = Temporal;
  const { fromEpochMilliseconds } = Instant;
  const { toZonedDateTimeISO } = Instant.prototype;
  const { toPlainDate, toPlainDateTime, toPlainTime } = Temporal.ZonedDateTime.prototype;
  const instant = () => reflectApply(fromEpochMilliseconds, Instant, [current]);
  const zoned = (zone: Temporal.TimeZoneLike = "UTC") => reflectApply(toZonedDateTimeISO, instant(), [zone]);
  replace(Now, "instant", { value: instant });
  replace(Now, "timeZoneId", { value: () => "UTC" });
  replace(Now, "zonedDateTimeISO", { value: zoned });
  replace(Now, "plainDateISO", { value: (zone?: string) => reflectApply(toPlainDate, zoned(zone), []) });
  replace(Now, "plainDateTimeISO", { value: (zone?: string) => reflectApply(toPlainDateTime, zoned(zone), []) });
  replace(Now, "plainTimeISO", { value: (zone?: string) => reflectApply(toPlainTime, zoned(zone), []) });
}

/** `format()` and `formatToParts()` without a date mean now: the program's now. */
function installDateTimeFormat(): void {
  const proto = Intl.DateTimeFormat.prototype;
  const nativeFormat = Object.getOwnPropertyDescriptor(proto, "format")!.get!;
  const nativeFormatToParts = proto.formatToParts;
  const bound = new NativeWeakMap<object, (date?: unknown) => string>();
  replace(proto, "format", {
    get(this: Intl.DateTimeFormat) {
      const format = reflectApply(nativeFormat, this, []);
      let own = weakMapGet(bound, format);
      if (own === undefined) {
        own = (date?: unknown) => format(date === undefined ? current : date);
        weakMapSet(bound, format, own);
      }
      return own;
    },
  });
  replace(proto, "formatToParts", {
    value(this: Intl.DateTimeFormat, date?: unknown) {
      return reflectApply(nativeFormatToParts, this, [date === undefined ? current : date]);
    },
  });
}

/** Puts `Date`, `Temporal.Now`, `Intl.DateTimeFormat` and `performance` of the program's world on its clock. */
export function installClock(): void {
  installDate();
  installTemporal();
  installDateTimeFormat();
  addGlobal("performance", {
    now: elapsed,
    get timeOrigin() {
      return started;
    },
  });
}
