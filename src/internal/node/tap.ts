/**
 * Looking at the messages of one port from afar: one request of the node port, `emp_tap`. A tap ends by itself, after a time, after so
 * many messages, with the port, or with whoever listens. Nothing waits for a tap: what its listener has no room for is left out, and
 * counted. As long as there is none, messages cost nothing more.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { isPortId, nodeOf } from "../values/portId.ts"
import { reasonFromExit } from "../values/reason.ts"
import { shownWithin } from "../values/shown.ts"
import type { Request, Router } from "./router.ts"
import { longestTapMillis, mostTapped, mostTaps, widestTapped } from "./tapLimits.ts"

export const tapRequest = "emp_tap"

const Options = Schema.Struct({
  forMillis: Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: longestTapMillis })),
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: mostTapped }))
})
type Options = typeof Options.Type

/** What taps send is seen by none of them: two could send each other's messages for ever. */
let isTelling = false

/**
 * Begins to show the messages of a port. The listener is sent `["message", AT, FROM, TEXT]` for each of them, when it came, from
 * which node, and how it looks; and at the end `["end", WHY, LEFT_OUT]`. Then `ended` is called.
 */
const tap = (
  router: Router,
  port: string,
  listener: string,
  { forMillis, limit }: Options,
  ended: () => void
): void => {
  let left = limit
  let leftOut = 0
  let isOver = false
  const tell = (...message: ReadonlyArray<unknown>): void => {
    isTelling = true
    router.log.guarded("a tap could not tell of a message", () => {
      if (router.offer(listener, message) !== undefined) leftOut++
    })
    isTelling = false
  }
  const see = (to: string, from: string, message: ReadonlyArray<unknown>): void => {
    if (to !== port || isOver || isTelling) return
    tell("message", router.now(), from, shownWithin(message, widestTapped))
    if (--left === 0) end("that were as many as were asked for")
  }
  const end = (why: string): void => {
    if (isOver) return
    isOver = true
    for (const stop of stops) stop()
    ended()
    router.send(listener, ["end", why, leftOut])
  }
  const stops = [
    router.trace({
      sent: (to, message) => see(to, router.nodeId, message),
      received: (to, from, message) => see(to, from, message)
    }),
    router.monitor(port, (exit) => end(`the port has ended: ${shownWithin(reasonFromExit(exit), widestTapped)}`)),
    router.monitor(listener, () => end("nobody listens")),
    router.after(forMillis, () => end("the time is over"))
  ]
}

/** Answers `emp_tap PORT LISTENER OPTIONS REPLYPORT`: by true, or by a text that says why there is no tap. */
export const answerTaps = (router: Router): Request => {
  let taps = 0
  const begin = (port: unknown, listener: unknown, given: unknown): true | string => {
    const options = Schema.decodeUnknownOption(Options)(given)
    if (!isPortId(port) || !isPortId(listener) || Option.isNone(options)) return "this is no tap"
    if (port === router.nodeId || nodeOf(port) !== router.nodeId) return `${port} is no port of a program of this node`
    if (port === listener) return "a port cannot listen to itself"
    if (!router.ports.has(port)) return `no such port: ${port}`
    if (taps >= mostTaps) return `there are ${mostTaps} taps already`
    taps++
    tap(router, port, listener, options.value, () => {
      taps--
    })
    return true
  }
  return (from, [port, listener, options, to, ...rest]) => {
    const answer = begin(port, listener, options)
    if (isPortId(to)) router.relay(from, to, [...rest, answer])
  }
}
