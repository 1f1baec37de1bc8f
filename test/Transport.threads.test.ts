/** Nodes in threads of one process, and what happens to links when a thread ends, or stands still. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Worker } from "node:worker_threads"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { reasonOf, until, within } from "./harness.ts"
import { book, start, threadTest } from "./threadWorld.ts"

/** The thread of the tests stands still for so long. */
const stand = (millis: number) =>
  Effect.sync(() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis))

/** What comes of a port that counts: the numbers, and then how its node was lost. */
const recorder = (counted: Port.PortId) =>
  Effect.gen(function*() {
    const record: Array<unknown> = []
    const port = yield* Port.make((n) => {
      record.push(n)
    })
    yield* Port.mon(counted, (exit) => Effect.sync(() => record.push(reasonOf(exit))))
    return { port, record }
  })

describe("nodes in threads", () => {
  threadTest(
    "call each other, from the main thread and from one to another",
    Effect.gen(function*() {
      const a = yield* start({ nodeId: "a" })
      const b = yield* start({ nodeId: "b", book: { a: a.addresses } })
      assert.match(a.addresses.join(), new RegExp(`^thread://.*:${process.pid}/${a.threadId}:a$`))
      const message = { text: "hello", many: 2n ** 60n, bytes: new Uint8Array(3_000_000).fill(7) }
      assert.deepStrictEqual(yield* within("an answer", Port.cal(a.tool, "echo", message)), message)
      assert.deepStrictEqual(yield* within("an answer", Port.cal(b.tool, "ask", a.tool, message)), message)
    })
  )

  for (const end of ["crash", "exit", "terminate"] as const) {
    threadTest(
      `are lost with their thread, whatever was said before, in order and without a hole: ${end}`,
      Effect.gen(function*() {
        const { port: child, tool } = yield* start({ nodeId: `ends by ${end}` }, { stopTimeout: 0 })
        const { port, record } = yield* recorder(tool)
        const most = 20_000
        yield* Port.snd(tool, "count", port, most, end === "terminate" ? "never" : end)
        yield* until("numbers have come", () => record.length > 1000)
        if (end === "terminate") yield* Port.kil(child)
        yield* until("the node is lost", () => Array.isArray(record.at(-1)))
        const reason = record.pop()
        assert.deepStrictEqual(record, Array.from(record.keys()))
        assert.strictEqual((reason as ReadonlyArray<unknown>)[0], "transport_error")
      })
    )
  }

  threadTest(
    "that stand still are taken for dead, and are there again when they go on",
    Effect.gen(function*() {
      const { tool } = yield* start({ nodeId: "stands" })
      const ended = yield* Effect.forkScoped(Port.exit(tool), { startImmediately: true })
      yield* within("a first answer", Port.cal(tool, "echo", 1))
      yield* Port.snd(tool, "stand", 5000)
      const exit = yield* within("silence is noticed", Fiber.join(ended))
      assert.deepStrictEqual(reasonOf(exit).slice(0, 2), ["transport_error", "stands"])
      yield* within("it answers again", Effect.eventually(Port.calMessage("stands", "time")))
    }),
    { monitorTimeout: 600 }
  )

  threadTest(
    "are not taken for dead when the thread that waits for them stood still itself, again and again: what came meanwhile is read first",
    Effect.gen(function*() {
      const { tool } = yield* start({ nodeId: "lives" })
      const { port, record } = yield* recorder(tool)
      yield* within("a first answer", Port.cal(tool, "echo", 1))
      yield* Port.snd(tool, "count", port, 0, "never")
      for (let n = 0; n < 4; n++) {
        yield* stand(1500)
        const { length } = record
        yield* until("more numbers have come", () => record.length > length)
      }
      assert.deepStrictEqual(record, Array.from(record.keys()))
    }),
    { monitorTimeout: 500 }
  )

  threadTest(
    "whose thread is gone, or has no node, refuse at once",
    Effect.gen(function*() {
      const idle = new Worker("setInterval(() => {}, 1000)", { eval: true })
      yield* Effect.addFinalizer(() => Effect.promise(() => idle.terminate()))
      yield* Effect.promise(() => new Promise((resolve) => idle.once("online", resolve)))
      book.set("gone", ["thread:99999:gone"]).set("idle", [`thread:${idle.threadId}:idle`])
      for (const nodeId of ["gone", "idle"]) {
        const exit = yield* within("it is refused", Port.exit(nodeId))
        assert.include(String(reasonOf(exit)), "Connection refused")
      }
    }),
    { connectInterval: "3 minutes" }
  )

  threadTest(
    "may be told of a thread of another process, which is none of theirs",
    Effect.gen(function*() {
      const [own = ""] = yield* Node.addresses
      book.set("far", [own.replace(/:\d+\//, ":1/")])
      assert.include(String(reasonOf(yield* Port.exit("far"))), "the thread is of another process")
    })
  )
})

describe("a node in a thread", () => {
  const bindsOf = (bind: string) =>
    Effect.flatMap(Transport.Transport, ({ listen }) => listen(bind, () => {}, "the node")).pipe(
      Effect.scoped,
      Effect.provide(Transport.layerThreads),
      Effect.match({ onFailure: ({ message }) => message, onSuccess: ([address = ""]) => address.replace(/.*\//, "") })
    )

  it.live("listens by its own ID, or by another name, in its own thread alone", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* bindsOf("thread:"), "0:the%20node")
      assert.strictEqual(yield* bindsOf("thread:%40%2C"), "0:%40%2C")
      assert.strictEqual(yield* bindsOf("thread:0:7"), "0:7")
      assert.include(yield* bindsOf("thread:5:x"), "it is the address of another thread")
      assert.include(yield* bindsOf("thread://elsewhere:1/0:x"), "it is the address of another thread")
    }))
})
