/** What `emp top` makes of what nodes tell: rates, an order, a picture that keys change. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { linkRates, ratesBetween } from "../../../../src/internal/cli/network/rates.ts"
import { topSortings } from "../../../../src/internal/cli/network/topSorting.ts"
import {
  drawRows,
  firstView,
  keysIn,
  type NodeRow,
  type Row,
  sorted,
  typed,
  type View
} from "../../../../src/internal/cli/network/topTable.ts"
import type { Status } from "../../../../src/internal/node/status.ts"

const base: Status = {
  nodeId: "a",
  version: "0.1.0",
  runtime: "node 24",
  pid: 1,
  uptime: 1000,
  memory: 1,
  heap: 1,
  addresses: [],
  ports: 0,
  queuedMessages: 0,
  unsentBytes: 0,
  waitingSenders: 0,
  links: 0,
  peers: [],
  supervisors: [],
  master: null,
  isGlobal: false,
  families: {}
}
const messages = (handled: number) => ({ in: handled, out: handled, handled, refused: 0, dropped: 0 })
const peer = (nodeId: string, sent: number): Status["peers"][number] => ({
  nodeId,
  state: "up",
  address: null,
  ownKind: true,
  security: null,
  queued: 0,
  unsent: 0,
  received: 0,
  sent
})

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Told = Schema.Struct({
  pid: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  uptime: Count,
  handled: Schema.UndefinedOr(Count),
  cpuMillis: Schema.UndefinedOr(Count),
  sent: Count
})
const statusOf = ({ cpuMillis, handled, pid, sent, uptime }: typeof Told.Type): Status => ({
  ...base,
  pid,
  uptime,
  peers: [peer("b", sent)],
  ...handled === undefined ? {} : { messages: messages(handled) },
  ...cpuMillis === undefined ? {} : { cpuMillis }
})

describe("rates between two samples", () => {
  it("are of the time that the node says has passed", () => {
    const before = { ...base, messages: messages(100), cpuMillis: 50 }
    const now = { ...base, uptime: 3000, messages: messages(500), cpuMillis: 550 }
    assert.deepStrictEqual(ratesBetween(before, now), {
      messagesPerSecond: 200,
      inPerSecond: 200,
      outPerSecond: 200,
      cpuPercent: 25
    })
  })

  it("are not known of a node that has been restarted, nor of one that does not tell", () => {
    const before = { ...base, uptime: 60_000, messages: messages(1000) }
    for (
      const now of [{ ...base, messages: messages(5) }, { ...base, pid: 2, uptime: 70_000, messages: messages(2000) }, {
        ...base,
        uptime: 70_000,
        messages: messages(5)
      }, { ...base, uptime: 70_000 }]
    ) {
      assert.isNull(ratesBetween(before, now).messagesPerSecond)
    }
    assert.isNull(ratesBetween(undefined, base).cpuPercent)
  })

  it.prop("are never below zero, and always numbers, whatever two samples say", [Told, Told], ([first, second]) => {
    const [before, now] = [statusOf(first), statusOf(second)]
    for (const rate of Object.values(ratesBetween(before, now))) {
      assert.isTrue(rate === null || Number.isFinite(rate) && rate >= 0)
    }
    for (const { bytesPerSecond } of linkRates(before, now)) {
      assert.isTrue(Number.isFinite(bytesPerSecond) && bytesPerSecond >= 0)
    }
  })

  it("leave out links to commands", () => {
    const now = { ...base, uptime: 2000, peers: [peer("b", 500), peer("emp/x", 500)] }
    assert.deepStrictEqual(linkRates({ ...base, peers: [peer("b", 100)] }, now), [
      { from: "a", to: "b", bytesPerSecond: 400, queued: 0 }
    ])
  })
})

const row = (nodeId: string, messagesPerSecond: number | null): NodeRow => ({
  status: { ...base, nodeId },
  links: 0,
  busiest: undefined,
  messagesPerSecond,
  inPerSecond: null,
  outPerSecond: null,
  cpuPercent: null
})
const names = (rows: ReadonlyArray<Row>) => rows.map((row) => "status" in row ? row.status.nodeId : row.nodeId)

describe("the picture", () => {
  const rows: ReadonlyArray<Row> = [
    row("b", 5),
    row("c", null),
    { nodeId: "d", problem: "does not answer" },
    row("a", 7)
  ]

  it("has the most first, turned round the least, and at the end what is not known", () => {
    assert.deepStrictEqual(names(sorted(rows, { sort: "messages", isReversed: false })), ["a", "b", "c", "d"])
    assert.deepStrictEqual(names(sorted(rows, { sort: "messages", isReversed: true })), ["b", "a", "c", "d"])
    assert.deepStrictEqual(names(sorted(rows, { sort: "name", isReversed: true })), ["d", "c", "b", "a"])
  })

  it("shows a dash for what a node does not tell, marks its column, and keeps to 80 characters", () => {
    const long = "compute-eu-west-1.example.com/"
    const text = drawRows([row(`${long}4711`, 5), row(`${long}4712`, null)], firstView("messages"))
    assert.match(text, /MSG\/S↓/)
    assert.match(text, /4711 +1s +5 +-/)
    assert.match(text, /4712 +1s +- +-/)
    for (const line of text.split("\n")) assert.isAtMost(line.length, 80)
  })

  it("is sorted by a key, the other way round by the same key again, and along the columns by arrows", () => {
    const press = (view: View, ...keys: ReadonlyArray<string>): View => {
      const [key, ...rest] = keys
      if (key === undefined) return view
      const next = typed(key, view, 4)
      return next === "quit" ? view : press(next, ...rest)
    }
    const view = firstView("name")
    assert.deepInclude(press(view, "m"), { sort: "messages", isReversed: false })
    assert.deepInclude(press(view, "m", "m"), { sort: "messages", isReversed: true })
    assert.deepInclude(press(view, "m", "m", "M"), { sort: "memory", isReversed: false })
    assert.deepInclude(press(view, "\u001b[D"), { sort: "restarts" })
    assert.deepInclude(press(view, "?"), { showsHelp: true })
    assert.deepInclude(press(view, ...Array.from({ length: 9 }, () => "\u001b[B")), { above: 3 })
    assert.strictEqual(typed("q", view, 4), "quit")
    assert.strictEqual(typed("\u0003", view, 4), "quit")
  })

  it.prop("stays one, whatever is typed", [
    Schema.Array(
      Schema.Union([Schema.String, Schema.Literals(["\u001b[A", "\u001b[B", "\u001b[C", "\u001b[D", "\u001b["])])
    )
  ], ([texts]) => {
    let view = firstView("name")
    for (const key of keysIn(texts.join(""))) {
      const next = typed(key, view, rows.length)
      if (next !== "quit") view = next
    }
    assert.include(topSortings, view.sort)
    assert.isTrue(view.above >= 0 && view.above < rows.length)
    assert.isAbove(drawRows(rows, view).length, 0)
  })
})
