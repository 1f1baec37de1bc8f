import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as dns from "node:dns"
import * as net from "node:net"
import * as os from "node:os"
import { tcpCarrierWith } from "../src/internal/transport/tcp.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs, reasonOf, secret, until, within } from "./harness.ts"

/** The memory network; notes who dials what, and lets a test say that listeners have moved. */
const makeNetwork = Effect.gen(function*() {
  const inner = yield* Transport.Transport
  const dialled = new Array<string>()
  const movers = new Map<string, (addresses: ReadonlyArray<string>) => void>()
  const carrier: Transport.Carrier = {
    ...inner,
    listen: (bind, accept, host, moved) => {
      if (moved !== undefined) movers.set(host, moved)
      return inner.listen(bind, accept, host)
    },
    dial: (address, host) => {
      dialled.push(`${host} ${address}`)
      return inner.dial(address, host)
    }
  }
  const start = (nodeId: string, options: Node.Options) =>
    Layer.build(Node.layer({ nodeId, secret, ...options })).pipe(
      Effect.provideService(Transport.Transport, carrier),
      Effect.map((context) => ({
        run: <A, E>(effect: Effect.Effect<A, E, Node.Node>) => Effect.provide(effect, context),
        addresses: Effect.provide(Node.addresses, context)
      }))
    )
  return { start, dialled, move: (host: string, ...addresses: ReadonlyArray<string>) => movers.get(host)?.(addresses) }
})

type TestNetwork = Effect.Success<typeof makeNetwork>

const test = (
  title: string,
  body: (network: TestNetwork) => Effect.Effect<unknown, unknown, Scope.Scope | Transport.Transport>
): void => it.live(title, () => Effect.flatMap(makeNetwork, body).pipe(Effect.provide(Transport.layerMemory)))

describe("a node advertises", () => {
  for (
    const [binds, advertise, addresses] of [
      [["in:1"], undefined, ["in:1"]],
      [["in:1"], ["out.example:80"], ["out.example:80"]],
      [["in:1"], ["out.example"], ["out.example:1"]],
      [["in:1"], ["out.example:*"], ["out.example:1"]],
      [["in:1", "other:1"], ["out.example"], ["out.example:1"]],
      [["in:1", "in:2"], ["out.example", "[2001:db8::1]:80"], ["out.example:1", "out.example:2", "[2001:db8::1]:80"]],
      [["in:1,in:2@vpn"], ["out.example", "vpn.example@vpn"], ["out.example:1", "vpn.example:2@vpn"]],
      [["in:1"], ["vpn.example@vpn"], ["vpn.example:1@vpn"]],
      [["in:1"], [], []],
      [[], ["out.example"], []],
      [["in:1@vpn", "in:2"], undefined, ["in:1@vpn", "in:2"]]
    ] as const
  ) {
    test(`${JSON.stringify(addresses)} for binds ${JSON.stringify(binds)} and ${JSON.stringify(advertise)}`, ({ start }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* (yield* start("a", { binds, advertise })).addresses, addresses)
      }))
  }
})

describe("a node whose listeners move", () => {
  test("has their new addresses, with the label of their bind", ({ move, start }) =>
    Effect.gen(function*() {
      const a = yield* start("a", { binds: ["in:1@vpn"] })
      move("a", "in:2", "in:3")
      assert.deepStrictEqual(yield* a.addresses, ["in:2@vpn", "in:3@vpn"])
      move("a")
      assert.deepStrictEqual(yield* a.addresses, [])
    }))

  test("still has what it advertises, with their new ports", ({ move, start }) =>
    Effect.gen(function*() {
      const a = yield* start("a", { binds: ["in:1"], advertise: ["out.example", "lb.example:80"] })
      move("a", "in:2")
      assert.deepStrictEqual(yield* a.addresses, ["out.example:2", "lb.example:80"])
    }))
})

describe("a node with scopes", () => {
  for (
    const [scopes, dialled] of [
      [undefined, ["b public:1"]],
      [["vpn"], ["b vpn:1", "b public:1"]],
      [["lan", "vpn"], ["b lan:1", "b vpn:1", "b public:1"]],
      [["vpn,lan", "vpn"], ["b vpn:1", "b lan:1", "b public:1"]],
      [["other"], ["b public:1"]]
    ] as const
  ) {
    test(`${JSON.stringify(scopes)} dials ${dialled.join(", ")}`, (network) =>
      Effect.gen(function*() {
        const b = yield* network.start("b", { binds: [], scopes })
        const addresses = ["public:1", "lan:1@lan", "vpn:1@vpn"]
        yield* b.run(
          Effect.gen(function*() {
            yield* Node.addressBook(() => Effect.succeed(addresses))
            // Nobody listens there.
            yield* Effect.exit(Effect.timeout(Port.calMessage("a", "time"), "50 millis"))
            yield* until("all are dialled", () => network.dialled.length === dialled.length)
          }).pipe(Effect.scoped)
        )
        assert.deepStrictEqual(network.dialled, Array.from(dialled))
      }))
  }

  test("dials nobody whose addresses are all for others", ({ dialled, start }) =>
    Effect.gen(function*() {
      const b = yield* start("b", { binds: [], scopes: ["lan"] })
      const exit = yield* b.run(
        Effect.gen(function*() {
          yield* Node.addressBook(() => Effect.succeed(["vpn:1@vpn"]))
          const ended = yield* Deferred.make<Exit.Exit<void, Port.Killed>>()
          yield* Port.mon("a#port", (exit) => Deferred.succeed(ended, exit))
          return yield* within("the end", Deferred.await(ended))
        }).pipe(Effect.scoped)
      )
      assert.include(reasonOf(exit).join(), "no known address in the scopes of this node, but vpn:1@vpn")
      assert.deepStrictEqual(dialled, [])
    }))
})

/** A resolver that knows these names, and never answers about those that are slow. */
const knows = (names: Record<string, ReadonlyArray<string> | "slow">): net.LookupFunction => (name, options, done) => {
  const found = names[name]
  if (found === "slow") return
  if (found === undefined) return done(Object.assign(new Error(`ENOTFOUND ${name}`), { code: "ENOTFOUND" }), [])
  const all: Array<dns.LookupAddress> = found.map((address) => ({ address, family: net.isIP(address) }))
  if (options.all === true) done(null, all)
  else done(null, all[0]!.address, all[0]!.family)
}

const startOver = (
  names: Parameters<typeof knows>[0],
  nodeId: string,
  binds: ReadonlyArray<string>,
  options: Node.Options = {}
) =>
  Layer.build(Node.layer({ nodeId, secret, binds, ...options })).pipe(
    Effect.provideService(Transport.Transport, tcpCarrierWith({ lookup: knows(names) }))
  )

describe("a name in the place of an address", () => {
  it.live("leads to its node, whoever answers at the other addresses of the name", () =>
    Effect.gen(function*() {
      const other = yield* startOver({}, "other", ["127.0.0.21:*"])
      const [address] = yield* Effect.provide(Node.addresses, other)
      const port = address!.split(":")[1]!
      yield* startOver({}, "a", [`127.0.0.22:${port}`])
      const b = yield* startOver({ "mp.example": ["127.0.0.23", "127.0.0.21", "127.0.0.22"] }, "b", [])
      yield* Effect.provide(Node.addressBook(() => Effect.succeed([`mp.example:${port}`])), b)
      const [time] = yield* within("an answer", Effect.provide(Port.calMessage("a", "time"), b))
      assert.isNumber(time)
    }))

  for (const slow of ["slow", undefined] as const) {
    it.live(`that ${slow ? "is not resolved in time" : "nobody knows"} does not hold up the next address`, () =>
      Effect.gen(function*() {
        const a = yield* startOver({}, "a", ["127.0.0.1:*"])
        const [address] = yield* Effect.provide(Node.addresses, a)
        const names = slow === undefined ? {} : { "mp.example": slow }
        const b = yield* startOver(names, "b", [], { connectInterval: "30 seconds" })
        yield* Effect.provide(Node.addressBook(() => Effect.succeed(["mp.example:1", address!])), b)
        const [time] = yield* within("an answer", Effect.provide(Port.calMessage("a", "time"), b))
        assert.isNumber(time)
      }))
  }
})

describe("a bind whose name is one of the loopback interface", () => {
  for (
    const [bind, advertise, isWarned] of [
      ["0", undefined, true],
      ["box.example:*", undefined, true],
      ["box.example:*", ["out.example"], false],
      ["localhost:*", undefined, false],
      ["127.0.0.1:*", undefined, false]
    ] as const
  ) {
    it.live(`is ${isWarned ? "" : "not "}warned of: ${bind}, advertised as ${advertise?.join() ?? "it is"}`, () => {
      const logs = makeLogs()
      const names = {
        [os.hostname()]: ["127.0.1.1"],
        localhost: ["127.0.0.1"],
        "box.example": ["127.0.0.31"]
      }
      return Effect.gen(function*() {
        yield* startOver(names, "a", [bind], { advertise })
        const warnings = logs.lines.filter((line) => line.startsWith("WARN"))
        assert.strictEqual(warnings.length, isWarned ? 1 : 0, warnings.join("\n"))
        if (isWarned) { for (const word of [bind, "127.0.", "*:*", "advertise"]) assert.include(warnings[0], word) }
      }).pipe(Effect.provide(logs.layer))
    })
  }
})
