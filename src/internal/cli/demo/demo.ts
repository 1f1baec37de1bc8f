/**
 * `emp demo`: three nodes as processes of their own, a conversation, a `kill -9`, and what becomes of it.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as crypto from "node:crypto"
import { commandLine } from "../terminal/commandLine.ts"
import { type Part, partOfThisProcess, takePart, withPart } from "./part.ts"
import { parseReport, type Report } from "./report.ts"

/** A step of the demo that did not happen. */
export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", {
  step: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the demo failed: ${this.step} did not happen (${this.detail})`
  }
}

/** A step takes a moment. On a machine that has much else to do it takes longer, and is none the worse for it. */
const patience = "40 seconds"
/** Messages on either side of the kill. */
const messagesWanted = 3

interface DemoNode {
  readonly name: string
  readonly handle: ChildProcessSpawner.ChildProcessHandle
  /** The first address that it listens on, once it is ready. */
  readonly address: Deferred.Deferred<string>
}

/** Collects what the nodes report, and lets the script wait for it. */
class Timeline {
  readonly reports: Array<Report & { readonly node: string }> = []
  /** What comes after the summary is of no interest. */
  over = false
  private readonly began: number
  private readonly color: boolean
  private waiting: Array<{ readonly met: () => boolean; readonly done: Deferred.Deferred<void> }> = []
  constructor(began: number, color: boolean) {
    this.began = began
    this.color = color
  }
  /** Shows a line: the time since the beginning, who, and what. */
  show(at: number, who: string, what: string, tone: number): Effect.Effect<void> {
    const time = `${((at - this.began) / 1000).toFixed(3)} s`.padStart(9)
    const name = who.padEnd(9)
    return Console.log(`${time}  ${this.color ? `\u001b[${tone}m${name}\u001b[0m` : name} ${what}`)
  }
  add(node: string, report: Report): Effect.Effect<void> {
    if (this.over) return Effect.void
    this.reports.push({ ...report, node })
    for (const wait of this.waiting.filter((wait) => wait.met())) Deferred.doneUnsafe(wait.done, Effect.void)
    return this.show(report.at, node, report.text, { joined: 36, started: 32, message: 34, end: 33 }[report.event])
  }
  count(event: Report["event"], accept: (report: Report & { readonly node: string }) => boolean = () => true): number {
    return this.reports.filter((report) => report.event === event && accept(report)).length
  }
  until(met: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (met()) return Effect.void
      const wait = { met, done: Deferred.makeUnsafe<void>() }
      this.waiting.push(wait)
      return Deferred.await(wait.done)
    })
  }
}

const startNode = Effect.fnUntraced(function*(
  timeline: Timeline,
  part: Part,
  ended: (lastWords: string) => Effect.Effect<unknown>
) {
  const { name } = part
  const { args, command } = commandLine()
  const handle = yield* ChildProcess.make(command, args, {
    env: withPart(part),
    extendEnv: true,
    forceKillAfter: "1 second"
  })
  const address = yield* Deferred.make<string>()
  const stderr = yield* Effect.forkScoped(Stream.runLast(lines(handle.stderr)))
  const follow = Stream.runForEach(lines(handle.stdout), (line) => {
    const report = parseReport(line)
    if (report !== undefined) return timeline.add(name, report)
    const ready = /is ready, listening on (\S+)/.exec(line)?.[1]
    return ready === undefined ? Effect.void : Deferred.succeed(address, ready)
  })
  const lastWords = Effect.orElseSucceed(Fiber.join(stderr), () => Option.none<string>())
  yield* follow.pipe(
    Effect.ignore,
    Effect.andThen(lastWords),
    Effect.flatMap((line) => ended(Option.getOrElse(line, () => "without a word"))),
    Effect.forkScoped
  )
  return { name, handle, address } satisfies DemoNode
})

const lines = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>) =>
  stream.pipe(Stream.decodeText, Stream.splitLines)

const show = Effect.gen(function*() {
  const began = yield* Clock.currentTimeMillis
  const color = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined
  const timeline = new Timeline(began, color)
  const narrate = (what: string) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => timeline.show(now, "demo", what, 1))
  const secret = crypto.randomBytes(24).toString("base64url")
  const lost = yield* Deferred.make<string>()
  let victim: string | undefined
  /** Waits for a step; says which one it was if it does not come, or if a node ends that should not. */
  const step = <A>(name: string, effect: Effect.Effect<A>): Effect.Effect<A, DemoFailed> => {
    const failed = (detail: string) => Effect.fail(new DemoFailed({ step: name, detail }))
    return Effect.raceFirst(effect, Effect.flatMap(Deferred.await(lost), failed)).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => failed(`waited ${patience} for it`) })
    )
  }
  const start = Effect.fnUntraced(function*(name: Part["name"], seeds: ReadonlyArray<string>) {
    const node = yield* startNode(
      timeline,
      { name, seeds, secret },
      (lastWords) => name === victim ? Effect.void : Deferred.succeed(lost, `node demo/${name} ended: ${lastWords}`)
    )
    const address = yield* step(`the start of node ${name}`, Deferred.await(node.address))
    yield* narrate(`node demo/${name} runs as process ${node.handle.pid} on ${address}`)
    return { ...node, address }
  })

  const seed = yield* start("seed", [])
  const receiver = yield* start("receiver", [seed.address])
  yield* start("sender", [seed.address])
  yield* step("the first conversation", timeline.until(() => timeline.count("message") >= messagesWanted))

  yield* narrate(`kill -9 ${receiver.handle.pid}: the receiver dies without a word`)
  const killed = yield* Clock.currentTimeMillis
  victim = receiver.name
  yield* receiver.handle.kill({ killSignal: "SIGKILL" })
  const after = (event: Report["event"], node: string) => (report: Report & { readonly node: string }) =>
    report.event === event && report.node === node && report.at >= killed
  for (const node of ["seed", "sender"]) {
    yield* step(`the news for the ${node}`, timeline.until(() => timeline.count("end", after("end", node)) >= 2))
  }
  yield* step("the restart", timeline.until(() => timeline.count("started") >= 2))
  yield* step(
    "the second conversation",
    timeline.until(() => timeline.count("message", after("message", "sender")) >= messagesWanted)
  )

  timeline.over = true
  const delay = (find: (report: Report & { readonly node: string }) => boolean): string =>
    `${(timeline.reports.find(find)?.at ?? Number.NaN) - killed} ms`
  yield* Console.log(
    [
      "",
      "What happened:",
      `  3 processes found each other through one seed and exchanged ${timeline.count("message")} messages`,
      `  the seed was told ${delay(after("end", "seed"))} after the kill -9, the sender after ${
        delay(after("end", "sender"))
      }`,
      `  the supervisor had the greeter back after ${delay(after("started", "sender"))}, on another node`,
      `  the next answer came ${delay(after("message", "sender"))} after the kill`
    ].join("\n")
  )
})

/** Shows the demo. The processes end with it. */
const shown = show.pipe(
  Effect.catchTag(
    "PlatformError",
    (error) => Effect.fail(new DemoFailed({ step: "a process", detail: error.message }))
  ),
  Effect.scoped
)

/** In the process that was called, the demo; in those that it starts, a node of it. */
export const demo = Effect.gen(function*() {
  const part = partOfThisProcess()
  yield* part === undefined ? shown : takePart(part)
})
