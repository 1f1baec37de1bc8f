import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as crypto from "node:crypto"
import { areFor } from "../../../src/internal/transport/certificate.ts"
import type { Secured, TlsEvents } from "../../../src/internal/transport/credentials.ts"
import { namesOf } from "../../../src/internal/transport/readCertificate.ts"
import { readCredentials } from "../../../src/internal/transport/tls.ts"
import type { Wire, WireEvents } from "../../../src/internal/transport/wire.ts"
import * as Transport from "../../../src/Transport.ts"
import { pem } from "../../certificates.ts"
import { until } from "../../harness.ts"

/** One end of TLS, and what it was told. */
class Probe implements TlsEvents {
  readonly wire: Wire & WireEvents
  readonly chunks: Array<Buffer> = []
  /** `secured`, `data`, `broken why`, `closed why`. */
  readonly told: Array<string> = []
  /** Whether it was told when all had left. */
  isDrained = false
  found: Secured | undefined = undefined
  constructor(below: Wire, role: "client" | "server", name: string) {
    this.wire = readCredentials(pem(name)).secure(below, role, this)
  }
  secured(found: Secured): void {
    this.found = found
    this.told.push("secured")
  }
  data(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk))
    if (this.told.at(-1) !== "data") this.told.push("data")
  }
  drained(): void {
    this.isDrained = this.wire.buffered === 0
  }
  broken(why: string): void {
    this.told.push(`broken ${why}`)
  }
  notAccepted(why: string): void {
    this.told.push(`notAccepted ${why}`)
  }
  closed(why: string): void {
    this.told.push(`closed ${why}`)
  }
  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }
  /** How it heard of the end: once, and last. */
  get ends(): ReadonlyArray<string> {
    return this.told.filter((what) => /^(?:broken|closed|notAccepted)/.test(what))
  }
}

/** A wire to which something happens when the byte at a place is written. */
class FaultyWire implements Wire {
  readonly remote: string
  private readonly inner: Wire
  private at: number
  private readonly fault: (bytes: Uint8Array, at: number) => void
  constructor(inner: Wire, at: number, fault: (bytes: Uint8Array, at: number) => void) {
    this.inner = inner
    this.remote = inner.remote
    this.at = at
    this.fault = fault
  }
  get buffered(): number {
    return this.inner.buffered
  }
  start(events: WireEvents): void {
    this.inner.start(events)
  }
  write(bytes: Uint8Array): void {
    const { at } = this
    this.at -= bytes.length
    if (at >= 0 && at < bytes.length) this.fault(bytes, at)
    else this.inner.write(bytes)
  }
  end(closed: () => void): void {
    this.inner.end(closed)
  }
  destroy(): void {
    this.inner.destroy()
  }
}

const cutAt = (inner: Wire, place: number): Wire =>
  new FaultyWire(inner, place, (bytes, at) => {
    inner.write(bytes.subarray(0, at))
    inner.destroy()
  })

const changedAt = (inner: Wire, place: number): Wire =>
  new FaultyWire(inner, place, (bytes, at) => inner.write(bytes.map((byte, i) => i === at ? byte ^ 0x10 : byte)))

/** A bare connection in memory from host a to host b. */
const connection = Effect.gen(function*() {
  const { dial, listen } = yield* Transport.Transport
  const network = yield* Transport.MemoryNetwork
  const accepted = yield* Deferred.make<Wire>()
  const [address] = yield* listen("*", (wire) => Deferred.doneUnsafe(accepted, Effect.succeed(wire)), "b")
  const a = yield* dial(address!, "a")
  return { a, b: yield* Deferred.await(accepted), network }
})

/** TLS from a client on host a to a server on host b, which has not begun. */
const both = (a: Wire, b: Wire, nameA = "a", nameB = "b"): readonly [Probe, Probe] => {
  const probes = [new Probe(a, "client", nameA), new Probe(b, "server", nameB)] as const
  a.start(probes[0].wire)
  b.start(probes[1].wire)
  return probes
}

const established = Effect.gen(function*() {
  const { a, b, network } = yield* connection
  const [here, there] = both(a, b)
  yield* until("TLS stands", () => here.found !== undefined && there.found !== undefined)
  return { here, there, network }
})

const test = (
  title: string,
  body: Effect.Effect<unknown, unknown, Transport.Transport | Transport.MemoryNetwork | Scope.Scope>
): void => it.live(title, () => Effect.provide(Effect.scoped(body), Transport.layerMemory))

const eof = "closed Unexpected end-of-file"
const resetByPeer = "closed Connection reset by peer"

describe("TLS finds out", () => {
  for (
    const [name, problem, names] of [
      ["b", undefined, ["b", "aemp:b", "b"]],
      ["chained", undefined, ["b", "aemp:b", "b"]],
      ["expired", "tls_expired", []],
      ["stranger", "tls_untrusted", []],
      ["shared", "tls_untrusted", []]
    ] as const
  ) {
    for (const role of ["client", "server"] as const) {
      test(
        `what the certificate "${name}" of a ${role} is worth`,
        Effect.gen(function*() {
          const { a, b } = yield* connection
          const probes = role === "client" ? both(a, b, name, "a") : both(a, b, "a", name)
          const other = probes[role === "client" ? 1 : 0]
          yield* until("TLS stands", () => other.found !== undefined)
          assert.strictEqual(other.found?.problem?.reason, problem)
          assert.deepStrictEqual(other.found?.names, names)
        })
      )
    }
  }
})

describe("the names of a certificate", () => {
  it("are common names, and alternative names of which each counts as a whole", () => {
    const names = (name: string) => namesOf(new crypto.X509Certificate(pem(name)))
    assert.deepStrictEqual(names("common"), ["b"])
    assert.deepStrictEqual(names("a"), ["a", "aemp:a", "a"])
    // Its URI holds what looks like further names, and it has an e-mail address that looks like one.
    assert.deepStrictEqual(names("spoof"), ["c", "http://c/, DNS:b, URI:b", "c"])
  })
})

describe("a name of a certificate", () => {
  for (
    const [name, nodeId, isFor] of [
      ["*.example.com", "a.example.com", true],
      ["*.example.com", "a-1_b.example.com", true],
      ["*.example.com", "a.b.example.com", false],
      ["*.example.com", "example.com", false],
      ["*.example.com", ".example.com", false],
      ["*.example.com", "a/b.example.com", false],
      ["*.example.com", "*.example.com", true],
      ["a*.example.com", "ab.example.com", false],
      ["a.*.com", "a.b.com", false],
      ["*", "a", false],
      ["*.", "a.", false],
      ["10.0.0.1", "10.0.0.1", true],
      ["10.0.0.1", "10.0.0.2", false],
      ["*.0.0.1", "10.0.0.1", false],
      ["2001:DB8:0:0:0:0:0:1", "2001:db8::1", true],
      ["2001:DB8:0:0:0:0:0:1", "2001:db8::2", false],
      ["A.example.com", "a.example.com", false]
    ] as const
  ) {
    it(`${name} ${isFor ? "is" : "is not"} for the node ${nodeId}`, () => {
      assert.strictEqual(areFor(["other", name], nodeId), isFor)
    })
  }
})

describe("the inside of TLS, as a wire", () => {
  test(
    "counts what has not left, and tells when it has",
    Effect.gen(function*() {
      const { here, network, there } = yield* established
      yield* network.pause("b")
      here.isDrained = false
      const all = crypto.randomBytes(5 * 1024 * 1024)
      for (let at = 0; at < all.length; at += 65_536) here.wire.write(all.subarray(at, at + 65_536))
      assert.isAtLeast(here.wire.buffered, all.length)
      // As much as systems buffer on their own leaves; the rest has to wait.
      yield* until("the first window leaves", () => here.wire.buffered < all.length)
      yield* Effect.sleep("20 millis")
      assert.isAbove(here.wire.buffered, 4 * 1024 * 1024)
      assert.isFalse(here.isDrained)
      yield* network.resume("b")
      yield* until("all of it arrives", () => there.received.length === all.length)
      yield* until("it is told", () => here.wire.buffered === 0 && here.isDrained)
      assert.isTrue(there.received.equals(all))
    })
  )

  test(
    "delivers what was written before its end, and then says goodbye",
    Effect.gen(function*() {
      const { here, there } = yield* established
      const all = crypto.randomBytes(1024 * 1024)
      here.wire.write(all)
      yield* Effect.callback<void>((resume) => here.wire.end(() => resume(Effect.void)))
      yield* until("the other side hears of it", () => there.ends.length > 0)
      assert.isTrue(there.received.equals(all))
      assert.deepStrictEqual(there.told, ["secured", "data", eof])
      assert.deepStrictEqual(here.ends, [])
    })
  )

  test(
    "ends at once when it is destroyed, and tells its owner nothing more",
    Effect.gen(function*() {
      const { here, network, there } = yield* established
      there.wire.write(Buffer.from("too late"))
      here.wire.destroy()
      here.wire.write(Buffer.from("nothing of this"))
      yield* until("the other side hears of it", () => there.ends.length > 0)
      assert.deepStrictEqual(there.told, ["secured", eof])
      assert.deepStrictEqual(here.told, ["secured"])
      yield* until("nothing is left", () => Effect.map(network.connections, (count) => count === 0))
    })
  )

  test(
    "ends with the words of the wire below, behind what had come",
    Effect.gen(function*() {
      const { here, network, there } = yield* established
      here.wire.write(Buffer.from("hello"))
      yield* until("it arrives", () => there.received.length > 0)
      yield* network.reset({ from: "*", to: "*" })
      yield* until("both sides hear of it", () => here.ends.length + there.ends.length === 2)
      assert.strictEqual(here.told.at(-1), resetByPeer)
      assert.strictEqual(there.told.at(-1), resetByPeer)
    })
  )
})

describe("TLS that fails", () => {
  /** Both sides hear of the end: once, and of nothing behind it. */
  const endsOnce = (probes: ReadonlyArray<Probe>, what: string) =>
    Effect.gen(function*() {
      yield* until(`the end, ${what}`, () => probes.every(({ ends }) => ends.length > 0))
      yield* Effect.sleep("1 millis")
      for (const { ends, told } of probes) assert.deepStrictEqual(told.slice(-1), ends, what)
    })

  test(
    "because the connection is cut somewhere on the way ends once, on both sides",
    Effect.gen(function*() {
      // What each side has to say in the handshake is longer than that.
      for (let place = 0; place < 1000; place += 41) {
        for (const host of ["a", "b"]) {
          const { a, b } = yield* connection
          const probes = both(host === "a" ? cutAt(a, place) : a, host === "b" ? cutAt(b, place) : b)
          yield* endsOnce(probes, `after ${place} bytes from ${host}`)
          assert.deepStrictEqual(probes.map(({ ends }) => ends), [[eof], [eof]])
          assert.isTrue(probes.some(({ found }) => found === undefined))
        }
      }
    })
  )

  test(
    "because a byte was changed on the way ends once, and nothing false comes through",
    Effect.gen(function*() {
      const said = Buffer.alloc(3000, "said inside")
      for (let place = 0; place < 4000; place += 61) {
        for (const host of ["a", "b"]) {
          const { a, b } = yield* connection
          const [here, there] = both(host === "a" ? changedAt(a, place) : a, host === "b" ? changedAt(b, place) : b)
          const say = (probe: Probe): boolean => {
            if (probe.found === undefined) return false
            probe.wire.write(Buffer.from(said))
            return true
          }
          yield* until("TLS stands, or not", () => here.ends.length > 0 || say(here))
          yield* until("TLS stands, or not", () => there.ends.length > 0 || say(there))
          yield* endsOnce([here, there], `byte ${place} from ${host}`)
          for (const probe of [here, there]) {
            assert.isTrue(said.subarray(0, probe.received.length).equals(probe.received))
          }
          assert.isTrue([here, there].some(({ ends }) => ends[0]?.startsWith("broken")))
        }
      }
    })
  )
})
