/** What the guide to upgrades says in its tables, held against networks in which an old and a new version talk to each other. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { Rpc, RpcGroup, RpcSerialization } from "effect/rpc"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { isDeepStrictEqual } from "node:util"
import { Global, type Node, Port } from "../src/index.ts"
import * as PortRpc from "../src/Rpc.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { tableOf } from "./pages.ts"
import {
  type AnySchema,
  type Draw,
  type Message,
  protocolChanges,
  schemaChanges,
  somewhere,
  type Spoken,
  type Version
} from "./schemaChanges.ts"
import { sized } from "./size.ts"

const table = (head: string) => tableOf("docs/guides/upgrades.md", head)

type TestNode = TestNetwork.TestNode<Node.Node | Global.Global>
type Test = Effect.Effect<void, unknown, Scope.Scope | TestNetwork.TestNetwork>

/** A side of a conversation: a node, and what its program takes a value for. */
interface Side extends Version {
  readonly node: TestNode
}

/** Runs with nodes of an old and of a new version, once for each seed. */
const onNodes = (body: (old: TestNode, fresh: TestNode, draw: Draw) => Test, seeds = sized(4, 60)) =>
  Effect.forEach(Array.from({ length: seeds }, (_, n) => n + 1), (seed) =>
    Effect.gen(function*() {
      const services = Global.layer({ seeds: ["old:1"] })
      const old = yield* TestNetwork.start("old", { services })
      const fresh = yield* TestNetwork.start("new", { services })
      yield* fresh.run(Global.joined).pipe(TestNetwork.within("10 seconds"))
      const random = yield* Random.Random
      yield* body(old, fresh, (bound) => Math.floor(random.nextDoubleUnsafe() * bound))
    }).pipe(
      Effect.scoped,
      Effect.provide(TestNetwork.layer),
      Random.withSeed(seed),
      Effect.annotateLogs({ seed })
    ), { discard: true })

/** How a value of one side gets to the other one: what that has got, or why it has not. */
type Pass = (writer: Side, reader: Side) => Effect.Effect<
  { readonly got: unknown } | { readonly refused: string },
  unknown,
  Scope.Scope | TestNetwork.TestNetwork
>

/** What a call has come to. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>, got: () => unknown) => {
  if (Exit.isSuccess(exit)) return { got: got() }
  const error = Cause.squash(exit.cause)
  if (error instanceof Port.Killed) return { refused: `\`${String(error.reason[0])}\`` }
  return { refused: Exit.hasDies(exit) ? "a defect" : String(error) }
}

const taking = (schema: AnySchema) => Port.protocol({ take: Port.message(schema).replies(Schema.Boolean) })
const giving = (schema: AnySchema) => Port.protocol({ give: Port.message().replies(schema) })

/** What a handler has got. */
const makeCatch = () => {
  let got: unknown
  return { take: (value: unknown) => Effect.sync(() => (got = value) !== undefined), got: () => got }
}

const argument: Pass = ({ node, schema, value }, reader) =>
  Effect.gen(function*() {
    const { got, take } = makeCatch()
    const port: string = yield* reader.node.run(Port.make(taking(reader.schema), { take }))
    return outcomeOf(yield* Effect.exit(node.run(Port.cal(taking(schema), port, "take", value))), got)
  })

const refusable: Pass = ({ node, schema, value }, reader) =>
  Effect.gen(function*() {
    const { got, take } = makeCatch()
    const port: string = yield* reader.node.run(Port.make(taking(reader.schema), { take }, { invalid: "refuse" }))
    const outcome = outcomeOf(yield* Effect.exit(node.run(Port.cal(taking(schema), port, "take", value))), got)
    assert.isTrue(yield* reader.node.run(Port.cal(taking(reader.schema), port, "take", reader.value)))
    return outcome
  })

const reply: Pass = ({ node, schema, value }, reader) =>
  Effect.gen(function*() {
    const port: string = yield* node.run(Port.make(giving(schema), { give: () => Effect.succeed(value) }))
    const exit = yield* Effect.exit(reader.node.run(Port.cal(giving(reader.schema), port, "give")))
    return outcomeOf(exit, () => Exit.isSuccess(exit) && exit.value)
  })

const unread = "`.replies`: what `Port.cal(port, ...)` gets"

const uncheckedReply: Pass = ({ node, schema, value }, reader) =>
  Effect.gen(function*() {
    const port: string = yield* node.run(Port.make(giving(schema), { give: () => Effect.succeed(value) }))
    const exit = yield* Effect.exit(reader.node.run(Port.cal(port, "give")))
    return outcomeOf(exit, () => Exit.isSuccess(exit) && exit.value)
  })

const spawned: Pass = ({ node, schema, value }, reader) =>
  Effect.gen(function*() {
    const { got, take } = makeCatch()
    const declared = (of: AnySchema) => Port.remote("example::taker", [of], giving(Schema.Boolean))
    const implemented = Port.implement(
      declared(reader.schema),
      (taken) => Effect.as(take(taken), { give: () => Effect.succeed(true) })
    )
    yield* reader.node.run(Layer.build(implemented))
    const port = yield* node.run(Port.spawn(reader.node.nodeId, declared(schema), value))
    return outcomeOf(yield* Effect.exit(node.run(Port.cal(port, "give"))), got)
  })

/** By a call whose server and client have different versions of its group. */
const byRpc = (which: "payload" | "success" | "error", encoding: "default" | "json"): Pass => (writer, reader) =>
  Effect.gen(function*() {
    const { got, take } = makeCatch()
    const [server, client] = which === "payload" ? [reader, writer] : [writer, reader]
    const handlers = Passes(server.schema).toLayer({
      payload: ({ value }) => take(value),
      success: () => Effect.succeed(writer.value),
      error: () => Effect.fail(writer.value)
    })
    const serving = Effect.provide(PortRpc.serve(Passes(server.schema)), handlers)
    const address: string = yield* server.node.run(serving)
    const calls = yield* client.node.run(PortRpc.client(Passes(client.schema), address))
    if (which === "payload") return outcomeOf(yield* Effect.exit(calls.payload({ value: writer.value })), got)
    const exit = yield* Effect.exit(which === "success" ? calls.success() : Effect.flip(calls.error()))
    return outcomeOf(exit, () => Exit.isSuccess(exit) && exit.value)
  }).pipe(encoding === "json" ? Effect.provide(RpcSerialization.layerJson) : (effect) => effect)

const Passes = (schema: AnySchema) =>
  RpcGroup.make(
    Rpc.make("payload", { payload: { value: schema }, success: Schema.Boolean }),
    Rpc.make("success", { success: schema }),
    Rpc.make("error", { error: schema })
  )

const entry: Pass = ({ node, schema, value }, reader) =>
  Effect.gen(function*() {
    yield* node.run(Global.typed("entries", schema).set("key", value))
    const known = Effect.map(reader.node.run(Global.keys("entries")), (keys) => keys.includes("key"))
    yield* TestNetwork.until("the other node knows of the key", known)
    const entries = yield* reader.node.run(Global.typed("entries", reader.schema).entries)
    return entries.has("key") ? { got: entries.get("key") } : { refused: "left out" }
  })

const rpcs = ["payload", "success", "error"] as const
const rpc = "rpc: a payload, an answer, an error"

/** By what the guide says of where a value may be. */
const passes: Readonly<Record<string, ReadonlyArray<Pass>>> = {
  "`Port.message`: an argument": [argument],
  "the same, of a port that was made with `invalid: \"refuse\"`": [refusable],
  "`.replies`: what `Port.cal(protocol, port, ...)` gets": [reply],
  "`Port.remote`: an argument": [spawned],
  "rpc with `RpcSerialization.layerJson`: a payload, an answer, an error": rpcs.map((which) => byRpc(which, "json")),
  [rpc]: rpcs.map((which) => byRpc(which, "default")),
  "`Global.typed`: a value": [entry]
}

/** What a reader sees of a value that it takes: what it does not know is not looked at. */
const seenBy = ({ schema }: Side, value: unknown): unknown => Schema.decodeUnknownSync(schema)(value)

describe("the guide to upgrades, of changes of schemas", () => {
  const rows = table("the new schema")
  const ends = table("where it does not fit")

  it("names those that are tried, and no other", () => {
    assert.deepStrictEqual(Array.from(rows.keys()), Object.keys(schemaChanges))
    assert.deepStrictEqual(Array.from(ends.keys()), [...Object.keys(passes), unread])
  })

  it.effect(`is right: ${unread}`, () =>
    onNodes((old, fresh, draw) =>
      Effect.gen(function*() {
        const { after, before } = schemaChanges["a type is another one"]!(draw)
        const outcome = yield* uncheckedReply({ node: old, ...before }, { node: fresh, ...after })
        assert.deepStrictEqual(outcome, { got: before.value })
      })
    ))

  for (const [row, make] of Object.entries(schemaChanges)) {
    const cells = rows.get(row) ?? []
    it.effect(`is right: ${row}`, () => {
      /** What was misread: where, and how. */
      const misread: Array<string> = []
      const check = (where: string, pass: Pass, writer: Side, reader: Side, cell: string | undefined) =>
        Effect.gen(function*() {
          const outcome = yield* Effect.scoped(pass(writer, reader))
          const fits = cell === "fits"
          const isRight = "refused" in outcome
            ? !fits && ends.get(where)?.[0]?.includes(outcome.refused) === true
            : fits && isDeepStrictEqual(seenBy(reader, outcome.got), seenBy(reader, writer.value))
          if (!isRight) misread.push(`${where}, from ${writer.node.nodeId}: ${JSON.stringify([writer.value, outcome])}`)
        })
      return onNodes((old, fresh, draw) =>
        Effect.gen(function*() {
          for (const [where, ways] of Object.entries(passes)) {
            for (const pass of ways) {
              const { after, before } = somewhere(draw, make(draw))
              const [first, second] = [{ node: old, ...before }, { node: fresh, ...after }]
              yield* check(where, pass, first, second, cells[0])
              yield* check(where, pass, second, first, cells[1])
            }
          }
        })
      ).pipe(Effect.andThen(Effect.sync(() => {
        const isOfRpc = (line: string) => line.startsWith(`${rpc}, `)
        assert.deepStrictEqual(misread.filter((line) => !isOfRpc(line)), [])
        if (cells[2] === "the same") assert.deepStrictEqual(misread, [])
        else assert.isNotEmpty(misread)
      })))
    })
  }
})

const protocolOf = ({ messages }: Spoken) =>
  Port.protocol(Object.fromEntries(messages.map(({ args, isCall, rest, tag }) => {
    const message = Port.message(...args.map(({ schema }) => schema))
    const extended = rest === undefined ? message : message.rest(rest)
    return [tag, isCall ? extended.replies(Schema.Boolean) : extended]
  })))

/** What becomes of what a sender says to the port of a receiver that may be of another version. */
const talk = (sender: TestNode, { says }: Spoken, receiver: TestNode, spoken: Spoken) =>
  Effect.gen(function*() {
    const handled: Array<ReadonlyArray<unknown>> = []
    const handle = ({ isCall, tag }: Message) => [tag, (...args: ReadonlyArray<unknown>) => {
      handled.push(args)
      return isCall ? Effect.succeed(true) : Effect.void
    }]
    const port: string = yield* receiver.run(
      Port.make(protocolOf(spoken), Object.fromEntries(spoken.messages.map(handle)))
    )
    const args = [...says.args.map(({ value }) => value), ...says.more ?? []]
    if (says.isCall) {
      const call = Effect.exit(sender.run(Port.calTimeout(port, "1 minute", says.tag, ...args)))
      const exit = yield* TestNetwork.within("2 minutes")(call)
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      if (Cause.isTimeoutError(error)) return handled.length === 1 ? "no answer" : "lost"
      if (error instanceof Port.Killed) return `\`${String(error.reason[0])}\``
    } else {
      const end = yield* Effect.forkChild(Effect.flip(Effect.flatten(receiver.run(Port.exit(port)))), {
        startImmediately: true
      })
      yield* sender.run(Port.snd(port, says.tag, ...args))
      yield* TestNetwork.settle
      const error = handled.length === 0 ? yield* Fiber.join(end) : undefined
      if (error instanceof Port.Killed) return `\`${String(error.reason[0])}\``
    }
    assert.deepStrictEqual(handled.map((got) => got.slice(0, args.length)), [args])
    return "works"
  })

const Older = RpcGroup.make(Rpc.make("known", { payload: { n: Schema.Number }, success: Schema.Number }))
const Newer = Older.add(Rpc.make("added", { success: Schema.Number }))
const newer = Newer.toLayer({ known: ({ n }) => Effect.succeed(n), added: () => Effect.succeed(1) })

/** What is done with one more name of something: by the older program with the newer one, and the other way. */
const additions = {
  "a call is added to a group of rpc": (old: TestNode, fresh: TestNode) =>
    Effect.gen(function*() {
      const oldServer = yield* old.run(Effect.provide(PortRpc.serve(Older), newer))
      const newServer = yield* fresh.run(Effect.provide(PortRpc.serve(Newer), newer))
      const oldClient = yield* old.run(PortRpc.client(Older, newServer))
      const newClient = yield* fresh.run(PortRpc.client(Newer, oldServer as string))
      const added = yield* Effect.exit(newClient.added())
      assert.strictEqual(yield* newClient.known({ n: 2 }), 2)
      return [yield* Effect.as(oldClient.known({ n: 1 }), "works"), Exit.hasDies(added) ? "a defect" : "works"]
    }),
  "a function is added that others may spawn (`Port.remote`)": (old: TestNode, fresh: TestNode) =>
    Effect.gen(function*() {
      const known = Port.remote("example::known", [], giving(Schema.Number))
      const added = Port.remote("example::added", [], giving(Schema.Number))
      const implemented = (fn: typeof known) =>
        Port.implement(fn, () => Effect.succeed({ give: () => Effect.succeed(1) }))
      yield* old.run(Layer.build(implemented(known)))
      yield* fresh.run(Layer.build(Layer.merge(implemented(known), implemented(added))))
      const spawn = (node: TestNode, on: TestNode, fn: typeof known) =>
        node.run(Effect.flatMap(Port.spawn(on.nodeId, fn), (port) => Port.cal(port, "give"))).pipe(
          Effect.as("works"),
          Effect.catch(({ reason }) => Effect.succeed(`\`${String(reason[0])}\``))
        )
      return [yield* spawn(old, fresh, known), yield* spawn(fresh, old, added)]
    })
}

describe("the guide to upgrades, of changes of protocols", () => {
  const rows = table("the new protocol")

  it("names those that are tried, and no other", () => {
    assert.deepStrictEqual(Array.from(rows.keys()), [...Object.keys(protocolChanges), ...Object.keys(additions)])
  })

  for (const [row, make] of Object.entries(protocolChanges)) {
    it.effect(`is right: ${row}`, () =>
      onNodes((old, fresh, draw) =>
        Effect.gen(function*() {
          const { after, before } = make(draw)
          const outcomes = [yield* talk(old, before, fresh, after), yield* talk(fresh, after, old, before)]
          assert.deepStrictEqual(outcomes, rows.get(row))
        }), sized(10, 100)))
  }

  for (const [row, tried] of Object.entries(additions)) {
    it.effect(`is right: ${row}`, () =>
      onNodes((old, fresh) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* tried(old, fresh), rows.get(row))
        }), 1))
  }
})
