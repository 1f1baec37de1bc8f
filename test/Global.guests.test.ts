/**
 * Guests with a place in the network: what they find of groups and families, and of typed services.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { RpcGroup } from "effect/rpc"
import * as Stream from "effect/Stream"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Rpc from "../src/Rpc.ts"
import * as Transport from "../src/Transport.ts"
import { begin, until, within } from "./harness.ts"
import { linkedTo, meshTestOver, type MeshWorld } from "./meshWorld.ts"
import { authClient, handlers, Journal, Users } from "./rpcService.ts"

const test = meshTestOver(Transport.layerMemory)

/** A seed, a host of guests that is no global node, and a guest whose seed the host is. */
const three = (world: MeshWorld) =>
  Effect.gen(function*() {
    const seed = yield* world.start("seed", { global: true })
    const host = yield* world.start("host", { seeds: [seed.address], guests: { families: ["prices"] } })
    yield* linkedTo(host, "seed")
    const ticket = yield* host.run(Node.ticket({ node: "guest/1", expires: "1 hour" }))
    const asGuest = { nodeId: undefined, secret: undefined, binds: undefined, ticket }
    const guest = yield* world.start("?", { ...asGuest, seeds: [host.address] })
    yield* linkedTo(guest, "host")
    return { seed, host, guest }
  })

describe("a guest", () => {
  test("follows a family that is open, whoever has set it", (world) =>
    Effect.gen(function*() {
      const { guest, host, seed } = yield* three(world)
      yield* seed.run(Global.set("prices", "apples", 3))
      yield* host.run(Global.set("prices", "pears", 4))
      const seen: Array<unknown> = []
      yield* begin(guest.run(Stream.runForEach(Global.mon("prices"), ({ entries }) =>
        Effect.sync(() =>
          seen.push(Object.fromEntries(entries))
        ))))
      const is = (wanted: object) =>
        until(JSON.stringify(wanted), () =>
          JSON.stringify(seen.at(-1)) === JSON.stringify(wanted))
      yield* is({ apples: 3, pears: 4 })
      yield* seed.run(Global.set("prices", "apples", 5))
      yield* is({ apples: 5, pears: 4 })
      yield* host.run(Global.del("prices", "pears"))
      yield* is({ apples: 5 })
      assert.deepStrictEqual(Object.fromEntries(yield* guest.run(Global.family("prices"))), { apples: 5 })
    }))

  test("finds open ports of its host in a group, and no others", (world) =>
    Effect.gen(function*() {
      const { guest, host, seed } = yield* three(world)
      const echo = (guests: boolean) =>
        Port.make({ echo: (text: string, to: string) => Port.snd(to, text) }, { guests })
      const open = yield* host.run(echo(true))
      yield* host.run(Global.reg(open, "echo"))
      yield* host.run(Global.reg(yield* host.run(echo(false)), "echo"))
      yield* seed.run(Global.reg(yield* seed.run(echo(true)), "echo"))
      const group = yield* guest.run(Global.group("echo"))
      yield* within("a member", guest.run(group.awaitMembers(1)))
      assert.deepStrictEqual(yield* guest.run(group.members), [open])
    }))

  test("calls an rpc server that is open, and none that is not", (world) =>
    Effect.gen(function*() {
      const { guest, host } = yield* three(world)
      const serve = (guests: boolean) => host.run(Effect.provide(Rpc.serve(Users, { guests }), handlers(new Journal())))
      const call = (server: Rpc.Address<typeof Users extends RpcGroup.RpcGroup<infer R> ? R : never>) =>
        Effect.flatMap(guest.run(Effect.provide(Rpc.client(Users, server), authClient)), (users) =>
          users.greet({ name: "Ada" }))
      assert.include(String(yield* call(yield* serve(true))), "Ada")
      assert.match(String(yield* Effect.flip(call(yield* serve(false)))), /no_such_port|nonexistent/)
      assert.deepStrictEqual(yield* guest.run(Node.upNodes), ["host"])
    }))

  test("sets nothing", (world) =>
    Effect.gen(function*() {
      const { guest, host, seed } = yield* three(world)
      const error = yield* Effect.flip(guest.run(Global.set("prices", "apples", 1)))
      assert.match(error.message, /is a guest/)
      assert.deepStrictEqual(yield* host.family("'l"), { seed: [seed.address], host: [host.address] })
    }))
})
