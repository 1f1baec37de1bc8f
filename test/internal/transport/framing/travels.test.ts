import { assert, describe, it } from "@effect/vitest"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import { copy, culprit } from "../../../../src/internal/values/plainData.ts"
import { decoder, encoder } from "../../../packets.ts"
import { isSame, mayTravel, Samples } from "../../values/messageSchemas.ts"

describe.each(Array.from(framings))("a value of any schema, in %s", (_, framing) => {
  const encode = encoder(framing, "own")

  it.prop(
    "arrives at our own kind as it was, or is refused where it is sent",
    [Samples],
    ([{ value }]) => {
      const found = culprit([value], framing.carries.own)
      assert.strictEqual(found === undefined, mayTravel(value, framing.carries.own), found?.what)
      if (found !== undefined) return
      const decode = decoder(framing, { maxMessageSize: 1_000_000, kind: "own" })
      const packets = decode(encode([value]))
      assert.isTrue(isSame(packets, [[value]]), "it has changed")
      const copied = copy([value], framing.carries.own)
      assert.isTrue("copy" in copied && isSame(copied.copy, [value]), "its copy has changed")
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop("is taken by Perl, with bigints as plain integers", [Samples], ([{ value }]) => {
    const found = culprit([value], framing.carries.perl)
    assert.strictEqual(found === undefined, mayTravel(value, framing.carries.perl), found?.what)
    if (found !== undefined) return
    const decode = decoder(framing, { maxMessageSize: 1_000_000, kind: "own" })
    // Our own kind would read a bignum as a bigint.
    const [packet] = decode(encoder(framing, "perl")([value]))
    assert.isFalse(holds(packet, (inner) => typeof inner === "bigint" && Number.isSafeInteger(Number(inner))))
  }, { arbitrary: { runs: 1000 } })
})

const holds = (value: unknown, what: (value: unknown) => boolean): boolean =>
  what(value) || typeof value === "object" && value !== null && Object.values(value).some((inner) => holds(inner, what))
