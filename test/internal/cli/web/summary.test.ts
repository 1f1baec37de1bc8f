import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { History, NetworkChanges } from "../../../../src/internal/cli/web/api.ts"
import { changesBetween } from "../../../../src/internal/cli/web/changes.ts"
import { Histories } from "../../../../src/internal/cli/web/history.ts"
import { linksBetween, type Sample, summaryOf } from "../../../../src/internal/cli/web/summary.ts"
import { Status } from "../../../../src/internal/node/status.ts"
import { status } from "../../../statuses.ts"

const proof = { method: "hmac", subject: null, secret: 0 }

const peer = (nodeId: string, facts: Partial<Status["peers"][number]> = {}): Status["peers"][number] => ({
  nodeId,
  state: "up",
  address: null,
  ownKind: true,
  security: { tls: null, received: proof, sent: proof },
  queued: 0,
  unsent: 0,
  received: 0,
  sent: 0,
  ...facts
})

const sample = (at: number, facts: Partial<Status> = {}): Sample => ({ at, status: status({ uptime: at, ...facts }) })

const messages = { in: 0, out: 0, handled: 0, refused: 0, dropped: 0 }

describe("what is shown of a node", () => {
  it("are rates between two answers, by the second", () => {
    const before = sample(1000, { cpuMillis: 100, messages, peers: [peer("b")] })
    const after = sample(3000, {
      cpuMillis: 1100,
      messages: { ...messages, in: 20, out: 40, handled: 60, refused: 2 },
      peers: [peer("b", { sent: 4000, received: 2000 })]
    })
    const shown = summaryOf(before, after, undefined, 1.2345)
    assert.deepInclude(shown, {
      cpuPercent: 50,
      messagesInPerSecond: 10,
      messagesOutPerSecond: 20,
      handledPerSecond: 30,
      refusedMessages: 2,
      bytesOutPerSecond: 2000,
      bytesInPerSecond: 1000,
      roundTripMillis: 1.2,
      memory: 123_000_000
    })
  })

  it("are no rates after a restart, even if the new process has counted further already", () => {
    const before = sample(10_000, { cpuMillis: 1, messages })
    const after = sample(11_000, { pid: 2, uptime: 500, cpuMillis: 1000, messages: { ...messages, out: 1000 } })
    const shown = summaryOf(before, after, summaryOf(undefined, before, undefined, undefined), undefined)
    assert.deepInclude(shown, { cpuPercent: null, messagesOutPerSecond: null, startedAt: 10_500, pid: 2 })
  })

  it("is of an older node what it says, and nothing else", () => {
    const shown = summaryOf(sample(1000), sample(2000), undefined, undefined)
    assert.deepInclude(shown, { state: "up", ports: 3, cpuPercent: null, restarts: null, isDraining: null })
  })

  it("hardly changes when nothing happens: signs of life are no traffic, and the start stays where it was", () => {
    const first = summaryOf(sample(1000), sample(2000, { uptime: 1000, peers: [peer("b")] }), undefined, 1)
    const later = sample(3000, { uptime: 2003, memory: 123_460_000, peers: [peer("b", { sent: 12, received: 12 })] })
    const second = summaryOf(sample(2000, { peers: [peer("b")] }), later, first, 1)
    assert.deepStrictEqual(second, { ...first, heap: second.heap })
  })
})

describe("what is shown of links", () => {
  it("is one for both ends, with what waits at either, and what either has sent", () => {
    const a = [
      sample(1000, { peers: [peer("b")] }),
      sample(2000, { peers: [peer("b", { queued: 1, sent: 1000, received: 3000, roundTripMillis: 2 })] })
    ] as const
    const b = [
      sample(1000, { nodeId: "b", peers: [peer("a")] }),
      sample(2000, { nodeId: "b", peers: [peer("a", { queued: 2, sent: 3000, received: 1000, roundTripMillis: 1.5 })] })
    ] as const
    const link = { a: "a", b: "b", queued: 3, roundTripMillis: 1.5, bytesPerSecond: 4000 }
    assert.deepStrictEqual(Array.from(linksBetween([a, b]).values()), [link])
  })

  it("is what one end says, when the other one does not answer", () => {
    const one = [sample(1000, { peers: [peer("b")] }), sample(2000, { peers: [peer("b", { sent: 1000 })] })] as const
    const link = { a: "a", b: "b", queued: 0, roundTripMillis: null, bytesPerSecond: 1000 }
    assert.deepStrictEqual(Array.from(linksBetween([one]).values()), [link])
  })

  it("are none to commands, and none that are not up", () => {
    const peers = [peer("emp/xyz"), peer("c", { state: "connecting" })]
    assert.strictEqual(linksBetween([[undefined, sample(1000, { peers })]]).size, 0)
  })
})

describe("what nodes may say", () => {
  /** What is far from each other makes the largest differences. */
  const Extreme = Schema.Literals([0, -0, 1, -8e15, 8e15, 1e300, -1e300, 5e-324, Number.MAX_VALUE])
  const Some = Schema.Struct({
    uptime: Extreme,
    memory: Extreme,
    cpuMillis: Extreme,
    loopDelay: Schema.Struct({ meanMillis: Extreme, maxMillis: Extreme }),
    messages: Schema.Struct({ in: Extreme, out: Extreme, handled: Extreme, refused: Extreme, dropped: Extreme }),
    sent: Extreme,
    received: Extreme,
    queued: Extreme,
    families: Schema.Record(Schema.Literals(["__proto__", "constructor", "f"]), Extreme)
  })
  const isStatus = Schema.is(Status)
  const saidAt = (at: number, { queued, received, sent, ...facts }: typeof Some.Type): Sample => {
    const more = ["b", "__proto__"].map((id) => peer(id, { queued, received, sent, roundTripMillis: sent }))
    return sample(at, { ...facts, isGlobal: true, heap: facts.memory, restarts: facts.memory, peers: more })
  }

  it.effect.prop(
    "is shown, or is no answer",
    [Some, Some, Schema.Literals([0, 1, 1000])],
    ([one, other, millis]) =>
      Effect.sync(() => {
        const samples = [saidAt(1000, one), saidAt(1000 + millis, other)].filter(({ status }) => isStatus(status))
        const [before, after = before] = samples
        if (before === undefined || after === undefined) return
        const nodes = new Map([["a", summaryOf(before, after, summaryOf(undefined, before, undefined, 1), 1)]])
        const picture = { at: 1, version: 1, isComplete: true, nodes, links: linksBetween([[before, after]]) }
        const histories = new Histories()
        histories.push(picture)
        assert.isTrue(Schema.is(NetworkChanges)(changesBetween(undefined, picture)))
        assert.isTrue(Schema.is(History)(histories.read(undefined)) && Schema.is(History)(histories.read("a")))
        assert.isNotNaN(new Date(nodes.get("a")?.startedAt ?? 0).getTime())
      }),
    { arbitrary: { runs: 300 } }
  )

  it("is no answer, if it is more than any node has to say", () => {
    const { status } = sample(1)
    assert.isTrue(isStatus(status))
    const long = "x".repeat(10_000)
    const many = Array.from({ length: 1001 }, (_, n) => `made up ${n}`)
    const answers = [
      { version: long },
      { addresses: many },
      { supervisors: many },
      { peers: many.map((id) => peer(id)) },
      { families: Object.fromEntries(many.map((name) => [name, 1])) }
    ]
    for (const answer of answers) assert.isFalse(isStatus({ ...status, ...answer }), Object.keys(answer).join())
  })
})
