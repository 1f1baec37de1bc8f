import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { Node, Port, Transport } from "../src/index.ts"
import { nameOf } from "../src/internal/values/portId.ts"
import { collector, connect, testOver, transports, until } from "./harness.ts"
import { connectRaw, ownKind } from "./rawPeer.ts"
import { makeTracer } from "./tracers.ts"

/** What was logged: the text with its annotations. */
const makeLog = () => {
  const lines: Array<readonly [text: string, annotations: Readonly<Record<string, unknown>>]> = []
  const logger = Logger.make<unknown, void>(({ fiber, message }) => {
    lines.push([String(message), { ...fiber.getRef(References.CurrentLogAnnotations) }])
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("a log line of a handler", () => {
  it.live("names the node, the port and the message, and says what its maker says of itself", () => {
    const { layer, lines } = makeLog()
    return Effect.gen(function*() {
      const port = yield* Effect.annotateLogs(
        Port.make({
          one: () => Effect.logInfo("first"),
          two: Effect.fnUntraced(function*() {
            yield* Effect.yieldNow
            yield* Port.fork(Effect.andThen(Effect.sleep("1 millis"), Effect.logInfo("forked")))
            yield* Effect.logInfo("second")
          }),
          three: () => Effect.logInfo("third")
        }),
        "shop",
        "corner"
      )
      for (const tag of ["one", "two", "three"]) yield* Port.snd(port, tag)
      yield* until("all lines", () => lines.length === 4)
      yield* Port.peval(port, Effect.logInfo("beside"))
      const own = { shop: "corner", node: yield* Node.id, port }
      assert.deepStrictEqual(Object.fromEntries(lines), {
        first: { ...own, tag: "one" },
        second: { ...own, tag: "two" },
        third: { ...own, tag: "three" },
        forked: { ...own, tag: "two" },
        beside: own
      })
    }).pipe(Effect.scoped, Effect.provide([Node.layerLocal, layer]))
  })

  it.live("is told from those of handlers that run at once", () => {
    const { layer, lines } = makeLog()
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const wait = (text: string) => () => Effect.andThen(Deferred.await(gate), Effect.logInfo(text))
      const port = yield* Port.make({ a: wait("of a"), b: wait("of b") }, { concurrency: 2 })
      yield* Port.snd(port, "a")
      yield* Port.snd(port, "b")
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      yield* until("both lines", () => lines.length === 2)
      assert.deepStrictEqual(lines.map(([text, { tag }]) => [text, tag]), [["of a", "a"], ["of b", "b"]])
    }).pipe(Effect.scoped, Effect.provide([Node.layerLocal, layer]))
  })
})

const parentOf = (span: Tracer.NativeSpan) => span.parent._tag === "Some" ? span.parent.value.spanId : undefined

const Greeter = Port.protocol({
  greet: Port.message(Schema.String).replies(Schema.String),
  note: Port.message(Schema.String)
})

/** A port that asks another one in the handler of its call. */
const makeFront = (back: Port.PortId<typeof Greeter.messages>) =>
  Port.make(Greeter, { greet: (name) => Port.cal(back, "greet", name), note: () => {} })
const makeBack = Port.make(Greeter, {
  greet: (name) => Effect.succeed(`hello, ${name}`),
  note: (text) => Effect.log(text)
})

for (const [name, layer] of transports) {
  testOver(layer)(
    `a message that is sent in a span is handled in a child of it, on any node, over ${name}`,
    (world) => {
      const { layer: tracing, named, spans } = makeTracer()
      return Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const back = yield* b.run(makeBack)
        const front = yield* a.run(makeFront(back))
        // The link is still being made when the first one is sent.
        const ask = Effect.withSpan(a.run(Port.cal(front, "greet", "ann")), "ask")
        assert.strictEqual(yield* ask, "hello, ann")
        assert.strictEqual(yield* ask, "hello, ann")
        assert.strictEqual(yield* a.run(Port.cal(front, "greet", "no span")), "hello, no span")
        const [first, second] = [named("ask")[0]!, named("ask")[1]!]
        assert.strictEqual(spans.length, 6)
        for (const root of [first, second]) {
          const [atFront, atBack, ...others] = spans.filter((span) => span !== root && span.traceId === root.traceId)
          assert.deepStrictEqual(others, [])
          assert.deepStrictEqual([parentOf(atFront!), parentOf(atBack!)], [root.spanId, atFront!.spanId])
          assert.deepStrictEqual(
            [atFront, atBack].map((span) => [span!.name, span!.kind, Object.fromEntries(span!.attributes)]),
            [
              ["handle greet", "consumer", { node: "a", port: front, tag: "greet" }],
              ["handle greet", "consumer", { node: "b", port: back, tag: "greet" }]
            ]
          )
        }
      }).pipe(Effect.provide(tracing))
    }
  )
}

describe("a span", () => {
  it.live("is that of the fiber which sends; what no fiber sends is in none", () => {
    const { layer } = makeTracer()
    return Effect.gen(function*() {
      const node = yield* Node.Node
      const parents = new Map<unknown, string | undefined>()
      const port = yield* Port.make((tag: unknown) =>
        Effect.map(Effect.option(Effect.currentSpan), (span) => {
          const parent = Option.flatMap(span, ({ parent }) => parent)
          parents.set(tag, Option.isSome(parent) && parent.value._tag === "Span" ? parent.value.name : undefined)
        })
      )
      const send = yield* Port.sender(port)
      const short = yield* Effect.scope
      yield* Effect.withSpan(
        Effect.gen(function*() {
          const ends = yield* Port.make({})
          yield* Port.snd(port, "snd")
          yield* Effect.forkIn(Port.snd(port, "snd of a child"), short)
          yield* Port.after("1 millis", Port.snd(port, "snd of after"))
          yield* Port.mon(ends, () => Port.snd(port, "snd of mon"))
          yield* Port.after("1 millis", port, "after")
          yield* Port.mon(ends, port, "mon")
          yield* Port.kil(ends)
          Port.sndUnsafe(node, port, "sndUnsafe")
          send("sender")
        }),
        "root"
      )
      yield* until("all came", () => parents.size === 8)
      const inRoot = Array.from(parents).filter(([, parent]) => parent === "root").map(([tag]) => tag)
      assert.sameMembers(inRoot, ["snd", "snd of a child", "snd of after", "snd of mon"])
    }).pipe(Effect.scoped, Effect.provide([Node.layerLocal, layer]))
  })

  const overTcp = testOver(Transport.layerTcp)
  const aside = ";effect-mp-aside=1"

  overTcp(
    "goes beside the message, to those who have a word for it, and to nobody else",
    (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("node")
        const known = yield* connectRaw(node.address, { nodeId: "known", keys: `${ownKind(300_000)}${aside}` })
        const perl = yield* connectRaw(node.address, { nodeId: "perl" })
        const span = Tracer.externalSpan({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" })
        for (const raw of ["known", "perl"]) {
          yield* Effect.withParentSpan(node.run(Port.snd(`${raw}#port`, "tag", { n: 1 })), span)
          yield* node.run(Port.snd(`${raw}#port`, "plain"))
        }
        yield* until("all came", () => known.packets.length >= 2 && perl.packets.length >= 2)
        const beside = { span: [span.traceId, span.spanId, true] }
        const sent = (raw: typeof known) => raw.packets.filter((packet) => packet.includes("port"))
        assert.deepStrictEqual(sent(known), [["", "emp_aside", beside, "port", "tag", { n: 1 }], ["port", "plain"]])
        assert.deepStrictEqual(sent(perl), [["port", "tag", { n: 1 }], ["port", "plain"]])
      })
  )

  overTcp("that makes no sense leaves the message as it is", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("node")
      const inbox = yield* collector(node)
      const raw = yield* connectRaw(node.address, { keys: `${ownKind(300_000)}${aside}` })
      const spans = [[], ["x"], [1, 2, 3], { traceId: "x" }, ["x".repeat(1000), "y", true], null, "x"]
      spans.forEach((span, n) => raw.send(["", "emp_aside", { span }, inbox.name, n]))
      yield* inbox.has(spans.length)
      assert.deepStrictEqual(inbox.messages, spans.map((_, n) => [n]))
    }))

  overTcp("does not hide what is wrong with a message", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const port = yield* b.run(makeBack)
      yield* connect(a, b)
      const wrong = yield* Effect.exit(Effect.withSpan(a.run(Port.snd(`b#${nameOf(port)}`, "note", () => 1)), "span"))
      assert.match(String(wrong), /message\[1\] is a function/)
    }))

  it.live("of a message is over when its handler is", () => {
    const { layer, named } = makeTracer()
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const port = yield* Port.make({ wait: () => Deferred.await(gate) })
      yield* Effect.withSpan(Port.snd(port, "wait"), "sender")
      yield* until("it is handled", () => named("handle wait").length === 1)
      assert.deepStrictEqual([named("sender")[0]!.status._tag, named("handle wait")[0]!.status._tag], [
        "Ended",
        "Started"
      ])
      const ended = yield* Effect.forkScoped(until("its end", () => named("handle wait")[0]!.status._tag === "Ended"))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(ended)
    }).pipe(Effect.scoped, Effect.provide([Node.layerLocal, layer]))
  })
})
