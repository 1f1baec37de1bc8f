/** What a node says of its certificates as time passes: once at the start, and then every day. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { NodeLog } from "../../../src/internal/node/nodeLog.ts"
import { check } from "../../../src/internal/node/options.ts"
import { OwnProof } from "../../../src/internal/node/ownProof.ts"
import { makeLogs } from "../../harness.ts"

const dayMillis = 24 * 3600 * 1000

/** A certificate that ends after so many days, which its node trusts as its own authority, and another one that it trusts. */
const makePem = (days: number, otherDays = 4000): string => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "emp-proof-"))
  const made = (name: string, days: number): readonly [key: string, certificate: string] => {
    const files = [path.join(folder, `${name}.key`), path.join(folder, `${name}.crt`)] as const
    const command =
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -days ${days} -subj /CN=${name}`
    const { status } = spawnSync("openssl", [...command.split(" "), "-keyout", files[0], "-out", files[1]])
    assert.strictEqual(status, 0)
    return [fs.readFileSync(files[0], "utf8"), fs.readFileSync(files[1], "utf8")]
  }
  const [own, other] = [made("own", days), made("other", otherDays)]
  fs.rmSync(folder, { recursive: true })
  return `${own.join("")}${other[1]}`
}

const test = (title: string, body: Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  it.effect(title, () => Effect.scoped(body))

/** A node's proof, and what it has logged of it, without the node. */
const watched = (cert: string) => {
  const { layer, lines } = makeLogs()
  const started = Effect.gen(function*() {
    // The certificate has been made in this very moment, however long that took: the clock begins here.
    yield* TestClock.setTime(Date.now())
    const context = yield* Effect.context<Scope.Scope>()
    const options = { cert, nodeId: "a" }
    const proof = new OwnProof(options, "incarnation", yield* check(options, "a", "incarnation"))
    yield* Effect.forkScoped(proof.watch(new NodeLog("a", context)), { startImmediately: true })
    return { proof, lines }
  })
  return Effect.provide(started, layer)
}

const soon = /^WARN a the certificate of this node is valid until \d{4}-\d\d-\d\d: it needs a new one$/
const over = /^ERROR a the certificate of this node ended on/

describe("the certificate of a node", () => {
  test(
    "that ends soon is a warning at once and every day; its end is an error; a new one ends that",
    Effect.gen(function*() {
      const cert = makePem(3)
      const { lines, proof } = yield* watched(cert)
      const said = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length
      assert.deepStrictEqual([said(soon), said(over)], [1, 0])
      yield* TestClock.adjust(dayMillis)
      assert.deepStrictEqual([said(soon), said(over)], [2, 0])
      yield* TestClock.adjust(dayMillis)
      assert.deepStrictEqual([said(soon), said(over)], [3, 0])
      yield* TestClock.adjust(dayMillis)
      assert.isAtLeast(said(over), 1)
      const refused = yield* Effect.flip(proof.renew({ cert }))
      assert.match(refused.message, /^node option cert: the certificate ended on/)
      const before = lines.length
      yield* proof.renew({ cert: makePem(400) })
      yield* TestClock.adjust(10 * dayMillis)
      assert.strictEqual(lines.length, before)
      yield* TestClock.adjust(370 * dayMillis)
      assert.isAbove(said(soon), 3)
    })
  )

  test(
    "that is taken away is a warning, once",
    Effect.gen(function*() {
      const { lines, proof } = yield* watched(makePem(400))
      yield* proof.renew({ cert: "", secret: "swordfish" })
      yield* TestClock.adjust(dayMillis)
      const gone = "WARN a this node has no certificate any more: it lets in whoever knows the secret, without TLS"
      assert.deepStrictEqual(lines, [gone])
      yield* proof.renew({ secret: "another" })
      yield* TestClock.adjust(dayMillis)
      assert.deepStrictEqual(lines, [gone])
    })
  )

  test(
    "that trusts one which has ended is a warning",
    Effect.gen(function*() {
      const { lines } = yield* watched(makePem(400, 40))
      assert.deepStrictEqual(lines, [])
      yield* TestClock.adjust(41 * dayMillis)
      assert.match(lines[0]!, /^WARN a a certificate that this node trusts has ended: CN=other, \d{4}-\d\d-\d\d$/)
    })
  )

  test(
    "is nothing to speak of as long as it is good",
    Effect.gen(function*() {
      const { lines } = yield* watched(makePem(400))
      yield* TestClock.adjust(300 * dayMillis)
      assert.deepStrictEqual(lines, [])
    })
  )
})
