import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as net from "node:net"
import * as os from "node:os"
import { reachable } from "../../../src/internal/transport/reachable.ts"
import { tcpCarrierWith } from "../../../src/internal/transport/tcp.ts"
import { makeLogs, until } from "../../harness.ts"

const real = reachable(Object.values(os.networkInterfaces()).flat().map((entry) => entry!.address))
/** An address that this machine has, and that is none of its loopback interface. */
const ip = real[0]!

const hasIPv6 = Object.values(os.networkInterfaces()).flat().some((entry) => entry?.address === "::1")

const at = (host: string, port: number): string => host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const portOf = (address: string | undefined): number => Number(address?.slice(address.lastIndexOf(":") + 1))

/** A machine whose interfaces have the addresses that a test says. */
const makeMachine = (...addresses: ReadonlyArray<string>) => {
  const machine = { addresses, looks: 0, told: new Array<ReadonlyArray<string>>(), accepted: 0 }
  const carrier = tcpCarrierWith({
    interfaces: () => {
      machine.looks++
      return machine.addresses
    }
  })
  const accept = (): void => void machine.accepted++
  const listen = (bind: string) => carrier.listen(bind, accept, "node", (told) => void machine.told.push(told))
  return Object.assign(machine, { listen, resolve: carrier.resolve })
}

/** Lets sockets, which are real, have their turn, whatever the clock says. */
const socketTurn = TestClock.withLive(Effect.sleep("1 milli"))

/** Moves the clock on until something holds. */
const sees = (what: string, condition: () => boolean) =>
  TestClock.testClockWith((clock) => {
    const later = Effect.andThen(clock.adjust("2 seconds"), Effect.sync(condition))
    return clock.withLive(until(what, () => condition() || later))
  })

const looks = (machine: { readonly looks: number }, more: number) => {
  const enough = machine.looks + more
  return sees("looks", () => machine.looks >= enough)
}

/** A connection, or why there is none. */
const connect = (address: string) =>
  Effect.callback<net.Socket | string>((resume) => {
    const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "")
    const socket = net.connect(portOf(address), host)
    socket.once("connect", () => resume(Effect.succeed(socket)))
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(String(error.code))))
  })

const isReached = (address: string) =>
  Effect.map(connect(address), (socket) => {
    if (typeof socket === "string") return false
    socket.destroy()
    return true
  })

const freePort = Effect.scoped(Effect.map(makeMachine().listen("127.0.0.1:*"), ([address]) => portOf(address)))

describe.skipIf(real.length === 0)("a bind of all interfaces", () => {
  it.effect("is listened on at an address that comes later, and others are told", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const machine = makeMachine("127.0.0.1")
      assert.deepStrictEqual(yield* machine.listen(`*:${port}`), [`127.0.0.1:${port}`])
      machine.addresses = ["127.0.0.1", ip]
      yield* sees("others are told", () => machine.told.length > 0)
      assert.deepStrictEqual(machine.told, [[at(ip, port)]])
      assert.isTrue(yield* isReached(at(ip, port)))
    }))

  it.effect("keeps the loopback listener that it began with, and tells nobody of it", () =>
    Effect.gen(function*() {
      const machine = makeMachine()
      const [first] = yield* machine.listen("*")
      machine.addresses = [ip]
      yield* sees("others are told", () => machine.told.length > 0)
      assert.isTrue(yield* isReached(first!))
      assert.isFalse(machine.told.flat().includes(first!))
    }))

  it.effect("is not listened on any more at an address that goes; connections there stay", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const machine = makeMachine(ip)
      const [address] = yield* machine.listen(`*:${port}`)
      const socket = yield* connect(address!)
      assert.instanceOf(socket, net.Socket)
      yield* sees("it is accepted", () => machine.accepted === 1)
      machine.addresses = []
      yield* sees("others are told", () => machine.told.length > 0)
      assert.deepStrictEqual(machine.told, [[`127.0.0.1:${port}`]])
      assert.isFalse(yield* isReached(address!))
      assert.isFalse((socket as net.Socket).destroyed)
      ;(socket as net.Socket).destroy()
    }))

  it.effect("comes back at an address that comes back", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const machine = makeMachine(ip)
      yield* machine.listen(`*:${port}`)
      for (const addresses of [[], [ip], [], [ip]]) {
        const before = machine.told.length
        machine.addresses = addresses
        yield* sees("others are told", () => machine.told.length > before)
        assert.strictEqual(yield* isReached(at(ip, port)), addresses.length > 0)
      }
    }))

  it.effect("warns once of a new address where the port is in use, and takes it when it is free", () => {
    const logs = makeLogs()
    return Effect.gen(function*() {
      const port = yield* freePort
      const machine = makeMachine()
      yield* machine.listen(`*:${port}`)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* makeMachine().listen(at(ip, port))
        machine.addresses = [ip]
        yield* looks(machine, 10)
        const warnings = logs.lines.filter((line) => line.startsWith("WARN"))
        assert.strictEqual(warnings.length, 1, warnings.join("\n"))
        assert.include(warnings[0], at(ip, port))
        assert.include(warnings[0], "the port is in use")
      }))
      yield* sees("others are told", () => machine.told.some((told) => told.includes(at(ip, port))))
    }).pipe(Effect.provide(logs.layer))
  })

  it.effect("is told once of what does not change", () =>
    Effect.gen(function*() {
      const machine = makeMachine(ip)
      yield* machine.listen("*")
      yield* looks(machine, 10)
      assert.deepStrictEqual(machine.told, [])
    }))
})

describe("a wildcard", () => {
  const v4 = ["10.0.0.4", "192.0.2.5"]
  const v6 = "2001:db8::2"

  for (
    const [bind, others] of [
      ["0.0.0.0", v4],
      ["[::]", [...v4, v6]],
      ["[0:0:0:0:0:0:0:0]", [...v4, v6]],
      ["[::ffff:0.0.0.0]", v4]
    ] as const
  ) {
    it.effect.skipIf(bind.startsWith("[") && !hasIPv6)(
      `of ${bind} is told as the addresses of the interfaces, and listens on loopback too`,
      () =>
        Effect.gen(function*() {
          const machine = makeMachine("127.0.0.1", ...v4, "::1", v6, "fe80::1")
          const addresses = yield* machine.listen(`${bind}:*`)
          const port = portOf(addresses[0])
          assert.deepStrictEqual(addresses, others.map((host) => at(host, port)))
          assert.isTrue(yield* isReached(`127.0.0.1:${port}`))
        })
    )
  }

  it.effect("of a machine without a network is told as loopback, until there is one", () =>
    Effect.gen(function*() {
      const machine = makeMachine()
      const [address] = yield* machine.listen("0.0.0.0:*")
      const port = portOf(address)
      assert.strictEqual(address, `127.0.0.1:${port}`)
      machine.addresses = v4
      yield* sees("others are told", () => machine.told.length > 0)
      machine.addresses = ["10.0.0.4"]
      yield* sees("others are told", () => machine.told.length > 1)
      assert.deepStrictEqual(machine.told, [v4.map((host) => at(host, port)), [at("10.0.0.4", port)]])
    }))
})

describe("a bind that stands for itself", () => {
  it.effect("looks at no interface", () =>
    Effect.gen(function*() {
      const machine = makeMachine("10.0.0.4")
      yield* machine.listen("127.0.0.1:*")
      yield* Effect.andThen(TestClock.adjust("1 minute"), socketTurn)
      assert.strictEqual(machine.looks, 0)
    }))
})

describe("what a seed of this host stands for", () => {
  for (
    const [seed, others] of [
      ["*:4040", ["10.0.0.4:4040", "[2001:db8::2]:4040"]],
      ["0.0.0.0:4040", ["10.0.0.4:4040"]],
      ["[::]:4040", ["10.0.0.4:4040", "[2001:db8::2]:4040"]]
    ] as const
  ) {
    it.effect(`is for ${seed} every address that this host has now`, () =>
      Effect.gen(function*() {
        const machine = makeMachine()
        assert.deepStrictEqual(yield* machine.resolve(seed), ["127.0.0.1:4040"])
        machine.addresses = ["127.0.0.1", "10.0.0.4", "2001:db8::2"]
        assert.deepStrictEqual(yield* machine.resolve(seed), others)
      }))
  }
})
