import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Port } from "../src/index.ts"
import { local } from "./harness.ts"

const Files = Port.protocol({ read: Port.message(Schema.String).replies(Schema.String), crash: Port.message() })

const makeFiles = (options?: Port.Options) =>
  Effect.gen(function*() {
    const log: Array<string> = []
    const open = (name: string) =>
      Effect.acquireRelease(Effect.sync(() => log.push(`open ${name}`)), () =>
        Effect.sync(() => log.push(`close ${name}`)))
    const port = yield* Port.make(Files, {
      read: Effect.fnUntraced(function*(name) {
        yield* open(name)
        return `text of ${name}`
      }),
      crash: () =>
        Effect.andThen(open("broken"), Effect.fail("boom"))
    }, options)
    return { log, open, port }
  })

describe("the scope of handlers", () => {
  it.live("is that of the port: what they acquire is released when it ends", () =>
    local(Effect.gen(function*() {
      const { log, port } = yield* makeFiles()
      yield* Port.cal(port, "read", "a")
      yield* Port.cal(port, "read", "b")
      assert.deepStrictEqual(log, ["open a", "open b"])
      yield* Port.kil(port)
      yield* Port.exit(port)
      assert.deepStrictEqual(log, ["open a", "open b", "close b", "close a"])
    })))

  it.live("is that of the message, if the port's maker wants it: it closes before the answer leaves", () =>
    local(Effect.gen(function*() {
      const { log, port } = yield* makeFiles({ handlerScope: "message" })
      assert.strictEqual(yield* Port.cal(port, "read", "a"), "text of a")
      assert.deepStrictEqual(log, ["open a", "close a"])
      yield* Port.snd(port, "crash")
      yield* Port.exit(port)
      assert.deepStrictEqual(log.slice(2), ["open broken", "close broken"])
    })))

  it.live("of a message holds for handlers that come later, and for the default receiver", () =>
    local(Effect.gen(function*() {
      const { log, open, port } = yield* makeFiles({ handlerScope: "message" })
      yield* Port.rcv(port, "read", (name) => Effect.as(open(`new ${name}`), name))
      yield* Port.rcv(port, (tag: string) => open(tag))
      yield* Port.snd(port as string as Port.PortId, "other")
      yield* Port.cal(port, "read", "a")
      assert.deepStrictEqual(log, ["open other", "close other", "open new a", "close new a"])
    })))

  it.live("of a message does not end what runs in the port's own", () =>
    local(Effect.gen(function*() {
      const { log, open, port } = yield* makeFiles({ handlerScope: "message" })
      yield* Port.rcv(port, "read", (name) =>
        Effect.gen(function*() {
          yield* Port.peval(yield* Port.Self, open(`kept ${name}`))
          yield* Effect.forkScoped(Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted"))), {
            startImmediately: true
          })
          return name
        }))
      yield* Port.cal(port, "read", "a")
      assert.deepStrictEqual(log, ["open kept a", "interrupted"])
      yield* Port.kil(port)
      yield* Port.exit(port)
      assert.deepStrictEqual(log.slice(2), ["close kept a"])
    })))
})
