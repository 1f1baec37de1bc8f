import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as net from "node:net"
import { isIp, isIPv4, isIPv6, readIp } from "../../../src/internal/values/ip.ts"
import { sized } from "../../size.ts"

/** What addresses are written with, and what makes them none. */
const pieces = ["0", "1", "255", "256", "01", "ffff", "FE80", "12345", ":", "::", ".", ".1", "127.0.0.1", "%eth0", " "]
const Pieces = Schema.Array(Schema.Literals(pieces)).check(Schema.isMaxLength(17))
const Groups = Schema.Array(Schema.Literals(["0", "1", "ab", "FFFF", ""])).check(Schema.isMaxLength(9))
const Numbers = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 }))).check(
  Schema.isMaxLength(5)
)
const arbitrary = { runs: sized(300, 20_000) }

const agrees = (text: string): void => {
  const shown = JSON.stringify(text)
  assert.strictEqual(isIPv4(text), net.isIPv4(text), shown)
  assert.strictEqual(isIPv6(text), net.isIPv6(text), shown)
  assert.strictEqual(isIp(text), net.isIP(text) !== 0, shown)
  const canonical = Result.getOrUndefined(Result.map(NetAddress.ipFromString(text), (ip) => NetAddress.toCanonical(ip)))
  const read = readIp(text)
  assert.strictEqual(read?.length, canonical && (NetAddress.isIpv4Address(canonical) ? 4 : 8), shown)
  if (canonical === undefined) return
  assert.deepStrictEqual(readIp(NetAddress.formatIp(canonical)), read, shown)
}

describe("addresses of IP", () => {
  it.effect.prop("are what Node takes for some", [Pieces], ([some]) => Effect.sync(() => agrees(some.join(""))), {
    arbitrary
  })
  it.effect.prop("of colons", [Groups], ([groups]) => Effect.sync(() => agrees(groups.join(":"))), { arbitrary })
  it.effect.prop("of points", [Numbers], ([numbers]) =>
    Effect.sync(() => {
      agrees(numbers.join("."))
      agrees(`::ffff:${numbers.join(".")}`)
    }), { arbitrary })

  it.each(["fe80::1%eth0", "1.2.3.4%eth0", "::", "::1%", "1::%a b", "::%0", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4:1"])(
    "as Node does: %s",
    agrees
  )
})
