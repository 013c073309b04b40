// Enqueues a leat job from Node, by the wire format alone (docs/spec/jobs.md).
//
//   node enqueue.mjs [--bulk] [--queue NAME] [--priority LEVEL] [--key KEY] KIND PAYLOAD
//
// The server is NATS_URL, the trace TRACEPARENT if that is set. Prints the job's id and its trace as JSON. The streams
// must be there: any leat worker or queue makes them.
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { connect, headers } from "nats";

// 26 characters that sort by time: 48 bits of milliseconds, 80 random ones.
export function ulid(now = Date.now()) {
  const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  let bits = (BigInt(now) << 80n) | BigInt("0x" + randomBytes(10).toString("hex"));
  let text = "";
  for (let i = 0; i < 26; ++i, bits >>= 5n) text = alphabet[Number(bits & 31n)] + text;
  return text;
}

// W3C Trace Context: version, trace, span, sampled.
export function newTraceparent() {
  return `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
}

// Returns when the job is stored. The same key again, while the job is there or within two minutes, stores nothing.
export async function enqueue(jetstream, { kind, payload, queue = "default", priority = "medium", key = ulid(),
                                           bulk = false, namespace = "leat", own = {} }) {
  const place = `${priority}.${queue}`;
  const id = bulk ? `${place}._${key}` : `${place}.${key}`;
  const all = headers();
  for (const [name, value] of Object.entries(own)) all.set(name, value);
  all.set("Leat-Kind", kind);
  if (bulk) {
    all.set("Leat-Id", id);
  } else {
    all.set("Nats-Msg-Id", key);
    all.set("Nats-Expected-Last-Subject-Sequence", "0");
  }
  const stored = await jetstream.publish(`${namespace}.${place}.${bulk ? "_" : key}`, payload, { headers: all });
  return { id, duplicate: stored.duplicate };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bulk: { type: "boolean" },
      queue: { type: "string" },
      priority: { type: "string" },
      key: { type: "string" },
    },
  });
  const [kind, payload] = positionals;
  if (payload === undefined) throw new Error("give a kind and a payload");
  const traceparent = process.env.TRACEPARENT ?? newTraceparent();
  const connection = await connect({ servers: process.env.NATS_URL ?? "localhost:4222" });
  try {
    const job = { ...values, kind, payload, own: { traceparent } };
    console.log(JSON.stringify({ ...(await enqueue(connection.jetstream(), job)), traceparent }));
  } finally {
    await connection.drain();
  }
}

main().catch((error) => {
  console.error(`enqueue: ${error.message}`);
  process.exitCode = 1;
});
