/**
 * What an attacker has who has taken a whole program process: the pipe to the host, all of Deno, nothing of the bridge.
 * The program's text carries what it does, as the body of an async function.
 */

const HEADER = 4;
const encoder = new TextEncoder();

function raw(bytes) {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function frame(body) {
  const header = new Uint8Array(HEADER);
  new DataView(header.buffer).setUint32(0, body.length);
  raw(header);
  raw(body);
}

const text = (json) => frame(encoder.encode(json));
const send = (message) => text(JSON.stringify(message));
const end = (value) => send({ t: "turn", emitted: [[]], end: { value } });
const call = (cid, kind, name, args = {}, more = {}) => ({
  cid,
  kind,
  name,
  args,
  ...more,
});

function read(size) {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const count = Deno.stdin.readSync(buffer.subarray(at));
    if (count === null) Deno.exit(0);
    at += count;
  }
  return buffer;
}

function receive() {
  const size = new DataView(read(HEADER).buffer).getUint32(0);
  return JSON.parse(new TextDecoder().decode(read(size)));
}

send({ t: "ready", runtime: "taken" });
const start = receive();
receive(); // go
const attack = String(start.code).match(/ATTACK\(([^)]*)\)/)[1];
const body = new TextDecoder().decode(Uint8Array.from(atob(attack), (c) => c.charCodeAt(0)));
const names = ["start", "raw", "frame", "text", "send", "end", "call", "receive"];
const AsyncFunction = (async () => {}).constructor;
await AsyncFunction(...names, body)(start, raw, frame, text, send, end, call, receive);
for (;;) receive();
