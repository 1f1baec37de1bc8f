import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as dns from "node:dns"
import * as net from "node:net"
import * as os from "node:os"
import { reachable } from "../../../src/internal/transport/reachable.ts"
import { tcpCarrier, tcpCarrierWith } from "../../../src/internal/transport/tcp.ts"
import type { Machine } from "../../../src/internal/transport/tcpListen.ts"
import { makeLogs, until, within } from "../../harness.ts"

/** A resolver that knows these names. */
const knows = (names: Record<string, ReadonlyArray<string>>): Machine["lookup"] => (name, options, callback) => {
  const found: Array<dns.LookupAddress> | undefined = names[name]?.map((address) => ({
    address,
    family: net.isIP(address)
  }))
  if (found === undefined) {
    return callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" }), [])
  }
  if (options.all === true) callback(null, found)
  else callback(null, found[0]!.address, found[0]!.family)
}

const hasIPv6 = Object.values(os.networkInterfaces()).flat().some((entry) => entry?.address === "::1")

const listen = (bind: string, names: Record<string, ReadonlyArray<string>> = {}) =>
  tcpCarrierWith({ lookup: knows(names) }).listen(bind, () => {}, "node")

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1))

const freePort = Effect.scoped(Effect.map(listen("127.0.0.1:*"), ([address]) => portOf(address!)))

describe("a bind", () => {
  it.live("of a name is listened on at all its addresses, each once", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const names = { "box.example": ["127.0.0.1", "127.0.0.2", "127.0.0.1"] }
      assert.deepStrictEqual(yield* listen(`box.example:${port}`, names), [`127.0.0.1:${port}`, `127.0.0.2:${port}`])
    }))

  it.live.skipIf(!hasIPv6)("of a name may be IPv4 and IPv6", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const names = { "box.example": ["127.0.0.1", "::1"] }
      assert.deepStrictEqual(yield* listen(`box.example:${port}`, names), [`127.0.0.1:${port}`, `[::1]:${port}`])
    }))

  it.live("of a name leaves out an address that this host does not have, and says so", () => {
    const logs = makeLogs()
    return Effect.gen(function*() {
      const [address, ...others] = yield* listen("box.example", { "box.example": ["192.0.2.1", "127.0.0.1"] })
      assert.match(address!, /^127\.0\.0\.1:\d+$/)
      assert.deepStrictEqual(others, [])
      assert.isTrue(logs.lines.some((line) => line.includes("box.example also stands for an address")))
    }).pipe(Effect.provide(logs.layer))
  })

  it.live("of a name without any address of this host is refused", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(listen("box.example:4040", { "box.example": ["192.0.2.1"] }))
      assert.strictEqual(error.reason, "listen_failed")
      assert.include(error.message, "this host does not have the address")
    }))

  it.live("of a name of which one address is in use is refused, and holds none of the others", () =>
    Effect.gen(function*() {
      const [taken] = yield* listen("127.0.0.2:*")
      const port = portOf(taken!)
      const names = { "box.example": ["127.0.0.1", "127.0.0.2"] }
      const error = yield* Effect.flip(Effect.scoped(listen(`box.example:${port}`, names)))
      assert.strictEqual(error.peer, `127.0.0.2:${port}`)
      assert.include(error.message, "the port is in use")
      assert.deepStrictEqual(yield* listen(`127.0.0.1:${port}`), [`127.0.0.1:${port}`])
    }))

  it.live("of a name that nobody knows is refused by name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(listen("nobody.example:4040"))
      assert.deepStrictEqual([error.reason, error.peer], ["listen_failed", "nobody.example:4040"])
      assert.include(error.message, "the name cannot be resolved")
    }))

  const found = reachable(Object.values(os.networkInterfaces()).flat().map((entry) => entry!.address))
  const interfaces = found.length > 0 ? found : ["127.0.0.1"]
  for (const form of ["*", "*:*"]) {
    it.live(`of ${form} is every interface that others can reach, on free ports`, () =>
      Effect.gen(function*() {
        const bound = yield* listen(form)
        assert.deepStrictEqual(
          bound.map((address) => address.slice(0, address.lastIndexOf(":"))),
          interfaces.map(bracket)
        )
        for (const address of bound) assert.isAbove(portOf(address), 0)
      }))
  }

  it.live("of *:port is every interface that others can reach, on that port", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      assert.deepStrictEqual(yield* listen(`*:${port}`), interfaces.map((host) => `${bracket(host)}:${port}`))
    }))

  it.live("of a bare port is that port of the host's name", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const names = { [os.hostname()]: ["127.0.0.1"] }
      assert.deepStrictEqual(yield* listen(String(port), names), [`127.0.0.1:${port}`])
    }))

  for (const form of ["host.example", "host.example:*"]) {
    it.live(`of ${form} is that host, on a free port`, () =>
      Effect.gen(function*() {
        const [address] = yield* listen(form, { "host.example": ["127.0.0.3"] })
        assert.match(address!, /^127\.0\.0\.3:[1-9]\d*$/)
      }))
  }

  it.live.skipIf(!hasIPv6)("of [v6]:port is that", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      assert.deepStrictEqual(yield* listen(`[::1]:${port}`), [`[::1]:${port}`])
    }))
})

const bracket = (host: string): string => host.includes(":") ? `[${host}]` : host

describe("what an address stands for", () => {
  const resolve = (address: string, names: Record<string, ReadonlyArray<string>> = {}) =>
    tcpCarrierWith({ lookup: knows(names) }).resolve(address)

  it.live("is all addresses of a name, each once, with its port", () =>
    Effect.gen(function*() {
      const names = { "seed.example": ["127.0.0.1", "::1", "127.0.0.1"] }
      assert.deepStrictEqual(yield* resolve("seed.example:4040", names), ["127.0.0.1:4040", "[::1]:4040"])
    }))

  for (const address of ["127.0.0.1:4040", "[::1]:4040"]) {
    it.live(`is itself, where it is no name: ${address}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* resolve(address), [address])
      }))
  }

  for (
    const [address, reason] of [
      ["nobody.example:4040", "connect_failed"],
      ["*", "malformed_address"],
      ["seed.example:*", "malformed_address"],
      ["seed example:1", "malformed_address"]
    ] as const
  ) {
    it.live(`is nothing for ${address}, which is told by name`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(resolve(address, { "seed.example": ["127.0.0.1"] }))
        assert.deepStrictEqual([error.reason, error.peer], [reason, address])
      }))
  }
})

describe("a name that is dialled", () => {
  it.live("is reached at whichever of its addresses somebody listens", () =>
    Effect.gen(function*() {
      let accepted = 0
      const [address] = yield* tcpCarrier.listen("127.0.0.2:*", (wire) => {
        accepted++
        wire.destroy()
      }, "node")
      const names = { "seed.example": ["127.0.0.1", "127.0.0.2"] }
      const dial = tcpCarrierWith({ lookup: knows(names) }).dial(`seed.example:${portOf(address!)}`, "node")
      const wire = yield* within("a connection", dial)
      wire.destroy()
      yield* until("somebody has accepted it", () => accepted === 1)
    }))

  it.live("and has no address is told by name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(tcpCarrierWith({ lookup: knows({}) }).dial("nobody.example:4040", "node"))
      assert.deepStrictEqual([error.reason, error.peer], ["connect_failed", "nobody.example:4040"])
      assert.include(error.message, "the name cannot be resolved")
    }))

  for (const code of ["ENETUNREACH", "EHOSTUNREACH", "EACCES"] as const) {
    it.live(`and fails otherwise is told in words, without calls and addresses: ${code}`, () =>
      Effect.gen(function*() {
        const errno = -os.constants.errno[code]
        const error = Object.assign(new Error(`connect ${code} 10.0.0.1:1 - Local (0.0.0.0:0)`), { code, errno })
        const lookup: Machine["lookup"] = (_name, _options, callback) => callback(error, [])
        const { detail } = yield* Effect.flip(tcpCarrierWith({ lookup }).dial("seed.example:4040", "node"))
        assert.match(detail ?? "", /^[a-z ]+$/)
      }))
  }

  it.live("and answers nowhere says what the first address said", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const names = { "seed.example": ["127.0.0.1", "127.0.0.2"] }
      const error = yield* Effect.flip(tcpCarrierWith({ lookup: knows(names) }).dial(`seed.example:${port}`, "node"))
      assert.include(error.message, "Connection refused")
    }))
})
