/** A node among Effect's metrics: what is counted, what is named, and what is left of a node that is gone. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as Transport from "../src/Transport.ts"
import { pem } from "./certificates.ts"
import { type Exposition, readExposition, valueOf } from "./exposition.ts"
import { connect, testOver, transports, until } from "./harness.ts"
import { connectRaw, dialRaw } from "./rawPeer.ts"

/** What Prometheus would see now. What is new is there from the second reading on. */
const exposed = Effect.map(Effect.andThen(Metric.snapshot, PrometheusMetrics.format()), readExposition)

/** Metrics of no other test. */
const apart = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

const local = Layer.provide(Node.layer({ nodeId: "alone", binds: [] }), Transport.layerMemory)

describe.each(transports)("metrics over %s", (_, transport) => {
  const test = testOver(transport)

  test("count what goes over links, and what becomes of it", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      yield* connect(a, b)
      const port = yield* a.run(Port.make({ echo: (reply) => Port.snd(reply, "echo") }, { invalid: "refuse" }))
      yield* b.run(Effect.repeat(Port.snd(port, "nothing"), { times: 4 }))
      yield* b.run(Port.snd("a#nobody", "lost"))
      yield* b.run(Effect.repeat(Port.cal(port, "echo"), { times: 9 }))
      const seen = yield* exposed
      const own = { kind: "own", tls: "false" }
      assert.strictEqual(valueOf(seen, "effect_mp_messages_received_total", { node: "a", ...own }), 16)
      assert.strictEqual(valueOf(seen, "effect_mp_messages_sent_total", { node: "b", ...own }), 16)
      assert.strictEqual(valueOf(seen, "effect_mp_messages_sent_total", { node: "a" }), 10)
      assert.strictEqual(valueOf(seen, "effect_mp_messages_handled_total", { node: "a" }), 10)
      assert.strictEqual(valueOf(seen, "effect_mp_messages_refused_total", { node: "a" }), 5)
      assert.strictEqual(valueOf(seen, "effect_mp_messages_dropped_total", { node: "a", reason: "no_port" }), 1)
      assert.strictEqual(valueOf(seen, "effect_mp_calls_total", { node: "b", result: "answered" }), 10)
      assert.strictEqual(valueOf(seen, "effect_mp_open_calls", { node: "b" }), 0)
      assert.strictEqual(valueOf(seen, "effect_mp_links", { node: "a", ...own }), 1)
      assert.isAbove(valueOf(seen, "effect_mp_received_bytes_total", { node: "a", ...own }), 16)
    }))

  test("keep what has gone over links that have ended", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      yield* connect(a, b)
      const port = yield* a.run(Port.make({ echo: (reply) => Port.snd(reply, "echo") }))
      yield* b.run(Effect.repeat(Port.cal(port, "echo"), { times: 4 }))
      const before = valueOf(yield* exposed, "effect_mp_received_bytes_total", { node: "a" })
      yield* b.stop
      yield* until("the link is gone", () =>
        Effect.map(exposed, (seen) => valueOf(seen, "effect_mp_links", { node: "a" }) === 0))
      const after = yield* exposed
      assert.strictEqual(valueOf(after, "effect_mp_messages_received_total", { node: "a" }), 5)
      assert.isAtLeast(valueOf(after, "effect_mp_received_bytes_total", { node: "a" }), before)
    }))

  test("of a node that is gone are gone with it", (world) =>
    Effect.gen(function*() {
      const registry = yield* Metric.MetricRegistry
      const before = new Set(registry.keys())
      const node = yield* world.start("passing")
      yield* exposed
      assert.isAbove(Array.from(registry.keys()).filter((key) => !before.has(key)).length, 20)
      yield* node.stop
      assert.deepStrictEqual(Array.from(registry.keys()).filter((key) => !before.has(key)), [])
    }))
})

describe("metrics of links", () => {
  const test = testOver(Transport.layerTcp)

  test("tell nodes of Perl from our own, and TLS from none", (world) =>
    Effect.gen(function*() {
      const both = { cert: pem("shared"), authAccept: ["tls_sha3_512", "hmac_sha3_512", "cleartext"] }
      const [a, b] = [yield* world.start("a", both), yield* world.start("b", both)]
      yield* connect(a, b)
      const port = yield* a.run(Port.make({ item: () => {}, echo: (reply) => Port.snd(reply, "echo") }))
      yield* b.run(Effect.repeat(Port.cal(port, "echo"), { times: 2 }))
      const raw = yield* connectRaw(a.address)
      for (let n = 0; n < 5; n++) raw.send([port.replace("a#", ""), "item"])
      yield* raw.settle
      const seen = yield* exposed
      const received = (kind: string, tls: string) =>
        valueOf(seen, "effect_mp_messages_received_total", { node: "a", kind, tls })
      assert.deepStrictEqual([received("own", "true"), received("own", "false")], [3, 0])
      assert.deepStrictEqual([received("perl", "true"), received("perl", "false")], [0, 5])
      assert.strictEqual(valueOf(seen, "effect_mp_links", { node: "a", kind: "perl", tls: "false" }), 1)
    }))

  test("count who is refused, and not who connects and leaves", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      yield* dialRaw(node.address, { secret: "wrong" })
      yield* dialRaw(node.address, { opening: "" })
      const refused = Effect.map(exposed, (seen) => valueOf(seen, "effect_mp_handshakes_refused_total", { node: "a" }))
      yield* until("one is refused", () => Effect.map(refused, (count) => count === 1))
    }))
})

describe("metrics of the event loop", () => {
  testOver(Transport.layerMemory)("tell how long a handler has blocked it", (world) =>
    Effect.gen(function*() {
      yield* world.start("a")
      const worst = Effect.map(exposed, ({ samples }) =>
        samples.find(({ name }) => name === "effect_mp_event_loop_delay_max_seconds")?.value)
      yield* until("it is measured", () =>
        Effect.map(worst, (seconds) => seconds !== undefined))
      const end = performance.now() + 250
      while (performance.now() < end);
      yield* until("it is told", () => Effect.map(worst, (seconds = 0) => seconds >= 0.2))
    }))
})

describe("metrics of ports", () => {
  it.live("name the ten at which most waits, whatever they are called, and nobody else", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const ports = yield* Effect.forEach(Array.from({ length: 15 }, (_, n) => n + 1), (n) =>
        Effect.tap(
          Port.make({ wait: () => Deferred.await(gate) }),
          (port) => Effect.repeat(Port.snd(port, "wait"), { times: n })
        ))
      yield* Effect.sleep(5)
      const seen = yield* exposed
      const named = seen.samples.filter(({ name }) => name === "effect_mp_port_mailbox_messages")
      assert.sameMembers(named.map(({ labels }) => labels["port"]), ports.slice(5))
      assert.sameMembers(named.map(({ value }) => value), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
      assert.strictEqual(valueOf(seen, "effect_mp_mailbox_messages"), 120)
      assert.isAbove(valueOf(seen, "effect_mp_mailbox_oldest_seconds"), 0)
      yield* Deferred.succeed(gate, undefined)
      yield* until(
        "all is handled",
        () => Effect.map(exposed, (now) => valueOf(now, "effect_mp_mailbox_messages") === 0)
      )
      yield* until(
        "nobody is named any more",
        () =>
          Effect.map(exposed, ({ samples }) => samples.every(({ name }) => name !== "effect_mp_port_mailbox_messages"))
      )
    }).pipe(Effect.scoped, Effect.provide(local), apart))

  const Hostile = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(20)))
  it.effect.prop("escape hostile names", [Hostile], ([text]) =>
    Effect.gen(function*() {
      const name = `${text}"\\\n{}=,`
      const gate = yield* Deferred.make<void>()
      yield* Supervisor.make({
        name,
        children: [{
          id: name,
          shutdown: "brutal",
          start: Effect.tap(Port.make({ wait: () => Deferred.await(gate) }), (port) =>
            Effect.repeat(Port.snd(port, "wait"), { times: 3 }))
        }]
      })
      yield* Effect.yieldNow
      const { samples } = yield* exposed
      const found = samples.find((sample) =>
        sample.name === "effect_mp_port_mailbox_messages"
      )
      assert.strictEqual(found?.labels["what"], `${name}/${name}`)
    }).pipe(Effect.scoped, Effect.provide(local), apart), {
    arbitrary: { runs: 20 }
  })
})

/** Sums and counts of a histogram. */
const histogram = (seen: Exposition, name: string) => ({
  count: valueOf(seen, `${name}_count`),
  seconds: valueOf(seen, `${name}_sum`)
})

describe("durations", () => {
  const handled = "effect_mp_handler_duration_seconds"
  const settings = [{}, { concurrency: 2 }, { handlerScope: "message" }] as const

  it.effect.each(settings)("of handlers last until they have left, %o", (options) =>
    Effect.gen(function*() {
      const port = yield* Port.make({ wait: () => Effect.sleep("2 seconds"), plain: () => {} }, options)
      yield* Port.snd(port, "plain")
      yield* Effect.yieldNow
      assert.deepStrictEqual(histogram(yield* exposed, handled), { count: 1, seconds: 0 })
      yield* Port.snd(port, "wait")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(histogram(yield* exposed, handled), { count: 1, seconds: 0 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(histogram(yield* exposed, handled), { count: 2, seconds: 2 })
      const bucket = (le: string): number => valueOf(seen, `${handled}_bucket`, { le })
      const seen = yield* exposed
      assert.deepStrictEqual(["0.0001", "1", "2.5", "+Inf"].map(bucket), [1, 1, 2, 2])
    }).pipe(Effect.scoped, Effect.provide(local), apart))

  it.effect("of calls are those of calls that are answered; the others are counted", () =>
    Effect.gen(function*() {
      const port = yield* Port.make({
        slow: (reply) => Effect.delay(Port.snd(reply, "answer"), "3 seconds"),
        die: () => Effect.failCause(Cause.die("OnPurpose"))
      }, { concurrency: 10 })
      const answered = yield* Effect.forkChild(Port.cal(port, "slow"), { startImmediately: true })
      const impatient = yield* Effect.forkChild(Port.calTimeout(port, "1 second", "slow"), { startImmediately: true })
      yield* Effect.yieldNow
      assert.strictEqual(valueOf(yield* exposed, "effect_mp_open_calls"), 2)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(answered)
      yield* Fiber.await(impatient)
      yield* Effect.exit(Port.cal(port, "die"))
      const seen = yield* exposed
      assert.deepStrictEqual(histogram(seen, "effect_mp_call_duration_seconds"), { count: 1, seconds: 3 })
      const calls = (result: string): number => valueOf(seen, "effect_mp_calls_total", { result })
      assert.deepStrictEqual(["answered", "failed", "abandoned"].map(calls), [1, 1, 1])
      assert.strictEqual(valueOf(seen, "effect_mp_open_calls"), 0)
    }).pipe(Effect.scoped, Effect.provide(local), apart))
})

describe("dropped messages", () => {
  const dropped = (seen: Exposition): ReadonlyArray<number> =>
    ["no_port", "port_ended", "expired", "no_link"].map((reason) =>
      valueOf(seen, "effect_mp_messages_dropped_total", { reason })
    )

  it.effect("are counted by what became of their port, their caller or their link", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const port = yield* Port.make({ wait: () => Deferred.await(gate), ask: (reply) => Port.snd(reply) })
      yield* Port.snd("alone#nobody", "lost")
      yield* Effect.repeat(Port.snd(port, "wait"), { times: 3 })
      const call = yield* Effect.forkChild(Effect.exit(Port.calTimeout(port, "1 second", "ask")))
      yield* Effect.yieldNow
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual(dropped(yield* exposed), [1, 0, 0, 0])
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(dropped(yield* exposed), [1, 0, 1, 0])
      const stuck = yield* Port.make({ wait: () => Effect.never })
      yield* Effect.repeat(Port.snd(stuck, "wait"), { times: 5 })
      yield* Effect.yieldNow
      yield* Port.kil(stuck)
      yield* Port.snd(stuck, "too late")
      assert.deepStrictEqual(dropped(yield* exposed), [1, 6, 1, 0])
      yield* Effect.repeat(Port.snd("nowhere#port", "lost"), { times: 2 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(dropped(yield* exposed), [1, 6, 1, 3])
    }).pipe(Effect.scoped, Effect.provide(local), apart))
})

const Step = Schema.Literals(["make", "send", "call", "nobody", "refused", "kill", "die", "look"])

const countersOf = ({ samples, types }: Exposition): ReadonlyMap<string, number> =>
  new Map(
    samples.flatMap(({ labels, name, value }) =>
      types.get(name) === "counter" || name.endsWith("_count") || name.endsWith("_bucket")
        ? [[`${name} ${JSON.stringify(labels)}`, value] as const]
        : []
    )
  )

describe("counters", () => {
  it.effect.prop("never go down, whatever happens", [Schema.Array(Step)], ([steps]) =>
    Effect.gen(function*() {
      let before: ReadonlyMap<string, number> = new Map()
      let ports: ReadonlyArray<Port.PortId> = []
      const look = Effect.map(exposed, (seen) => {
        const now = countersOf(seen)
        for (const [key, value] of before) assert.isAtLeast(now.get(key) ?? -1, value, key)
        before = now
      })
      const make = Effect.map(
        Port.make({
          item: () => {},
          echo: (reply) => Port.snd(reply, "echo"),
          look: () => look,
          die: () => Effect.failCause(Cause.die("OnPurpose"))
        }, { invalid: "refuse" }),
        (port) => {
          ports = [port, ...ports]
        }
      )
      yield* make
      for (const step of steps) {
        const [port = ""] = ports
        if (step === "make") yield* make
        else if (step === "send") yield* Effect.repeat(Port.snd(port, "item"), { times: 5 })
        else if (step === "call") yield* Effect.ignore(Port.cal(port, "echo"))
        else if (step === "nobody") yield* Port.snd("alone#nobody", "lost")
        else if (step === "refused") yield* Port.snd(port, "nothing")
        else if (step === "kill") yield* Port.kil(port, "OnPurpose")
        else if (step === "die") yield* Port.snd(port, "die")
        else yield* Port.snd(port, "look")
        yield* look
      }
    }).pipe(Effect.scoped, Effect.provide(local), apart), {
    arbitrary: { runs: 30 }
  })
})
