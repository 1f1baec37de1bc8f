import { assert, describe, it } from "@effect/vitest"
import { guestRequests, judge, type Open, type Verdict } from "../../../src/internal/node/guestGate.ts"
import { SeededRandom } from "../../simulation/random.ts"
import { sized } from "../../size.ts"

/** A node with an open port, an open port with a protocol, a closed one, a call of its own to the guest, and another node behind it. */
const open: Open = {
  guest: "guest/1",
  host: "host",
  isOpen: (name) => ["open", "typed", "reply"].includes(name),
  isTag: (name, message) => name !== "reply" && message[0] !== "behind#x",
  isCall: (name, message) => name === "typed" && message[0] === "ask",
  isOpenFunction: (name) => name === "rpc::open",
  isOpenPlace: (id) => id === "host#place",
  isNode: (nodeId) => nodeId === "host" || nodeId === "behind"
}

const of = (name: unknown, ...message: ReadonlyArray<unknown>): Verdict => judge(open, name, message)
const tag = (...packet: ReadonlyArray<unknown>): string => of(packet[0], ...packet.slice(1))._tag

describe("what a guest sends to ports", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<unknown>, Verdict["_tag"]]> = [
    ["is taken where the port is open", ["open", "hello", 1], "Message"],
    ["is dropped where it is closed", ["closed", "hello"], "Drop"],
    ["is dropped where there is none", ["nothing", "hello"], "Drop"],
    ["may name its own ports", ["open", "hello", "guest/1#x"], "Message"],
    ["may name open ports", ["open", "hello", "host#open"], "Message"],
    ["may name what no node is", ["open", "issue #5", "https://example.org/#top"], "Message"],
    ["may not name closed ports", ["open", "hello", "host#closed"], "Refuse"],
    ["may not name those of other nodes", ["open", "hello", { list: [["behind#x"]] }], "Refuse"],
    ["may not name them as keys", ["open", "hello", { "behind#x": 1 }], "Refuse"],
    ["may not have a node port answered", ["open", "emp_stop", "behind"], "Refuse"],
    ["may not have this node's own answered", ["open", "emp_drain", "host"], "Refuse"],
    ["may not name a node anywhere else", ["typed", "say", ["behind", 1], "x"], "Refuse"],
    ["may have its ID as a tag", ["open", "behind", "x"], "Message"],
    ["may not begin with what is no tag and names others", ["open", "behind#x", "x"], "Refuse"],
    ["may not answer with what names others", ["reply", { port: "behind#x" }], "Refuse"],
    ["may answer with what names open ports", ["reply", { port: "host#open" }], "Message"],
    ["is answered at its own port", ["typed", "ask", "x", "guest/1#r"], "Message"],
    ["is answered nowhere else", ["typed", "ask", "x", "guest/2#r"], "Refuse"],
    ["is not answered at its node", ["typed", "ask", "x", "guest/1"], "Refuse"],
    ["is not answered at what is no port", ["typed", "ask", "x", 7], "Refuse"],
    ["may be beside a message", ["", "emp_aside", {}, "open", "hello"], "Message"],
    ["is judged as without what is beside it", ["", "emp_aside", {}, "closed", "hello"], "Drop"],
    ["is judged in what it names too", ["", "emp_aside", {}, "open", "x", "behind#x"], "Refuse"],
    ["may not hide a request there", ["", "emp_aside", {}, "", "emp_stop", "guest/1#x"], "End"],
    ["may not hide another one there", ["", "emp_aside", {}, "", "emp_aside", {}, "", "devnull"], "End"],
    ["has a name", [{}, "hello"], "End"]
  ]
  for (const [what, packet, verdict] of cases) it(what, () => assert.strictEqual(tag(...packet), verdict))

  it("has no part in the spans of others", () => {
    assert.deepStrictEqual(
      of("", "emp_aside", { span: ["trace", "span", true], patience: 7 }, "open", "hello"),
      { _tag: "Message", name: "open", message: ["hello"], patienceMillis: 7 }
    )
  })
})

describe("what a guest asks of the node", () => {
  /** All that a guest may ask, with arguments that make sense, by hand. */
  const allowed: ReadonlyArray<readonly [ReadonlyArray<unknown>, Verdict["_tag"]]> = [
    [[""], "Drop"],
    [["devnull", 1], "Drop"],
    [["mon1", "open"], "Request"],
    [["mon1", "closed"], "NoSuchPort"],
    [["mon1", ""], "Drop"],
    [["mon1", null], "Drop"],
    [["mon0", "open"], "Request"],
    [["kil0", "x", "why"], "Request"],
    [["kil0", ""], "Drop"],
    [["time", "guest/1#t"], "Request"],
    [["emp_probe"], "Request"],
    [["emp_probed", 1], "Request"],
    [["emp_bye"], "Request"],
    [["emp_end", "x"], "Request"],
    [["emp_duplicate", "x"], "Drop"],
    [["emp_draining"], "Request"],
    [["emp_drained"], "Drop"],
    [["emp_ticket", 1, "x"], "Request"],
    [["emp_abandoned", "open", "x"], "Request"],
    [["emp_abandoned", "closed", "x"], "Drop"],
    [["emp_refused", "reply", "x"], "Request"],
    [["emp_refused", "closed", "x"], "Drop"],
    [["AnyEvent::MP::_spawn", "012345678Zab", "rpc::open", "guest/1#c"], "Request"],
    [["AnyEvent::MP::_spawn", "012345678Zab", "rpc::closed", "guest/1#c"], "Drop"],
    [["AnyEvent::MP::_spawn", "012345678Zab", "rpc::open", "behind#c"], "Drop"],
    // Names that the node gives to its own ports.
    [["AnyEvent::MP::_spawn", "012345678ab", "rpc::open", "guest/1#c"], "Drop"],
    [["AnyEvent::MP::_spawn", "open", "rpc::open", "guest/1#c"], "Drop"],
    [["emp_bytes", "host#place", "n"], "Request"],
    [["emp_bytes_dial", "n"], "Request"],
    [["emp_bytes_off", "n", "x"], "Request"],
    [["g_slave"], "Drop"],
    [["g_slave", {}, [1, 1]], "Drop"],
    [["g_slave", { "'l": {} }], "End"],
    [["g_find", "behind"], "Request"],
    [["g_mon1", "news"], "Request"],
    [["g_mon0", "news"], "Request"],
    [["g_db_family", "news", "q"], "Request"],
    [["g_db_keys", "news", "q"], "Request"],
    [["g_db_values", "news", "q"], "Request"]
  ]
  it.each(allowed)("%j: %s", (request, verdict) => assert.strictEqual(tag("", ...request), verdict))

  it("is no more than that", () => {
    assert.sameMembers([...new Set(allowed.map(([[request]]) => request))], [...guestRequests])
  })

  it.each(
    [
      ["time"],
      ["time", "behind#x"],
      ["time", "host#closed"],
      ["time", "guest/1"],
      ["snd", "guest/1#x"],
      ["can", "time", "guest/1#x"],
      [
        "kil1",
        "open"
      ],
      ["eval", "1", "guest/1#x"],
      ["emp_spawn", "guest/1", "x", "f"],
      ["emp_finish", "open"],
      ["emp_drain", "guest/1#x"],
      ["emp_status", "guest/1#x"],
      ["emp_ports", "guest/1#x"],
      ["emp_tap", "host#open"],
      ["emp_stop"],
      ["emp_restart"],
      ["emp_reload"],
      ["emp_logs", "Trace", "guest/1#x"],
      ["emp_log_tail", {}, "guest/1#x"],
      ["emp_log_level", "none"],
      ["g_upd", "news", {}],
      ["g_set", {}],
      ["g_global"],
      ["g_found", "x", []],
      ["g_reply", "q", 1],
      ["g_chg1", "news", {}],
      ["g_chg2", "news", {}, []],
      ["emp_set", []],
      ["emp_upd"],
      ["emp_gone", "behind"],
      ["emp_db_set", "news", "k", 1],
      ["emp_db_del", "news", ["k"]],
      ["AnyEvent::MP::LogCatcher::connect", 0, "guest/1#x"],
      ["__proto__"],
      ["constructor"],
      [7],
      [null]
    ] as ReadonlyArray<ReadonlyArray<unknown>>
  )("never is %j", (...request) => assert.strictEqual(tag("", ...request), "End"))

  it("says nothing of where bytes are awaited of others", () => {
    assert.deepStrictEqual(of("", "emp_bytes", "host#secret", "n"), {
      _tag: "Request",
      request: "emp_bytes",
      args: [null, "n"]
    })
  })
})

describe("the gate, whatever comes", () => {
  const ids = [
    "host",
    "host#open",
    "host#closed",
    "host#typed",
    "behind",
    "behind#x",
    "guest/1",
    "guest/1#x",
    "guest/2#x"
  ]
  const words = [
    ...ids,
    "open",
    "closed",
    "typed",
    "reply",
    "ask",
    "012345678Zab",
    "rpc::open",
    "rpc::closed",
    "",
    "news"
  ]

  const value = (random: SeededRandom, depth: number): unknown => {
    switch (random.int(depth > 2 ? 3 : 0, 9)) {
      case 0:
        return Array.from({ length: random.int(0, 3) }, () => value(random, depth + 1))
      case 1:
        return { [random.pick(words)!]: value(random, depth + 1) }
      case 2:
        return null
      case 3:
        return random.int(-1, 9)
      default:
        return random.pick(words)
    }
  }

  const packet = (random: SeededRandom): ReadonlyArray<unknown> => {
    const values = Array.from({ length: random.int(0, 4) }, () => value(random, 0))
    const requests = [...guestRequests, "snd", "kil1", "emp_stop", "g_upd", "emp_spawn"]
    const inner = random.chance(0.5) ? ["", random.pick(requests), ...values] : [random.pick(words), ...values]
    return random.chance(0.3) ? ["", "emp_aside", value(random, 1), ...inner] : inner
  }

  /** All texts in a value, at any depth. */
  const texts = (inside: unknown): ReadonlyArray<string> =>
    typeof inside === "string"
      ? [inside]
      : typeof inside === "object" && inside !== null
      ? [...Object.keys(inside), ...Object.values(inside).flatMap(texts)]
      : []

  it("lets through what names nobody but the guest and what is open, and nothing that changes the node", () => {
    const random = new SeededRandom("gate")
    const seen = new Set<string>()
    for (let round = 0; round < sized(20_000, 1_000_000); round++) {
      const sent = packet(random)
      const verdict = of(sent[0], ...sent.slice(1))
      seen.add(verdict._tag)
      const said = JSON.stringify(sent)
      if (verdict._tag === "Message") {
        assert.include(["open", "typed", "reply"], verdict.name, said)
        const named = verdict.message.slice(1).flatMap(texts)
        for (const other of ["host#closed", "behind#x", "host", "behind"]) assert.notInclude(named, other, said)
        if (verdict.name === "typed" && verdict.message[0] === "ask") {
          assert.strictEqual(verdict.message.at(-1), "guest/1#x", said)
        }
      } else if (verdict._tag === "Request") {
        assert.include(guestRequests, verdict.request, said)
        const [first, second, third] = verdict.args
        if (verdict.request === "time") assert.strictEqual(first, "guest/1#x", said)
        if (["mon1", "emp_abandoned", "emp_refused"].includes(verdict.request)) {
          assert.include(["open", "typed", "reply"], first, said)
        }
        if (verdict.request === "AnyEvent::MP::_spawn") {
          assert.deepStrictEqual([first, second, third], ["012345678Zab", "rpc::open", "guest/1#x"], said)
        }
        if (verdict.request === "emp_bytes") assert.isNull(first, said)
      } else if (verdict._tag === "NoSuchPort") assert.notInclude(["open", "typed", "reply"], verdict.name, said)
    }
    assert.sameMembers(Array.from(seen), ["Message", "Request", "NoSuchPort", "Drop", "Refuse", "End"])
  })
})
