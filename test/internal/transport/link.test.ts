import { assert, describe, it } from "@effect/vitest"
import { framings } from "../../../src/internal/transport/framing/framings.ts"
import { Link } from "../../../src/internal/transport/link.ts"
import type { LinkErrorReason } from "../../../src/internal/transport/linkError.ts"
import type { Wire } from "../../../src/internal/transport/wire.ts"

const mebibyte = 1024 * 1024

/** A link on a wire that holds as many bytes as a test says, and what became of both. */
const onWire = () => {
  const state = { buffered: 0, isDestroyed: false, lost: new Array<LinkErrorReason>() }
  const wire: Wire = {
    remote: "there:1",
    get buffered() {
      return state.buffered
    },
    start: () => {},
    write: () => {},
    end: () => {},
    destroy: () => {
      state.isDestroyed = true
    }
  }
  const greeting = { nodeId: "there", auths: [], framings: ["json"], keys: new Map() }
  const link = new Link(wire, greeting, framings.get("json")!, { isOwnKind: false, fork: () => {} })
  link.attach({ packet: () => {}, drained: () => {}, lost: (error) => void state.lost.push(error.reason) })
  return { link, state }
}

/** Messages are written at the end of a turn. */
const written = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("bytes that have not left", () => {
  it("are 256 MiB at most: beyond that the link is given up", async () => {
    const { link, state } = onWire()
    state.buffered = 256 * mebibyte
    link.send(["port", 1])
    await written()
    assert.deepStrictEqual([state.lost, state.isDestroyed, link.isOver], [[], false, false])
    state.buffered++
    link.send(["port", 2])
    await written()
    assert.deepStrictEqual([state.lost, state.isDestroyed, link.isOver], [["buffer_overflow"], true, true])
  })

  it("leave no room from 1 MiB on: those who can wait do", () => {
    const { link, state } = onWire()
    state.buffered = mebibyte - 1
    assert.isTrue(link.hasRoom)
    state.buffered++
    assert.isFalse(link.hasRoom)
  })
})
