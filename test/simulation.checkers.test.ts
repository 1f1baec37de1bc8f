import { assert, describe, it } from "@effect/vitest"
import { check, checkerNames } from "./simulation/checkers.ts"
import { SeededRandom } from "./simulation/random.ts"
import type { Event } from "./simulation/trace.ts"

const violation = (events: ReadonlyArray<Event>) => check({ events: events.map((event, at) => ({ ...event, at })) })

const lives = ["a/1", "b/1"] as const

const holds = "what was sent"
const always = { holds, carried: "always" } as const

/** Two nodes, a port on each, a channel from one to the other, a call, an entry. Then one stops, and all is told. */
const good: ReadonlyArray<Event> = [
  { _tag: "Started", life: "a/1", node: "a" },
  { _tag: "Started", life: "b/1", node: "b" },
  { _tag: "Up", life: "a/1", peer: "b" },
  { _tag: "Up", life: "b/1", peer: "a" },
  { _tag: "Made", life: "b/1", port: "b#1" },
  { _tag: "Made", life: "b/1", port: "b#2" },
  { _tag: "Monitored", life: "a/1", channel: "c1", port: "b#1" },
  { _tag: "Sent", life: "a/1", channel: "c1", n: 1, ...always },
  { _tag: "Sent", life: "a/1", channel: "c1", n: 2, ...always },
  { _tag: "Got", life: "b/1", port: "b#1", channel: "c1", n: 1, holds },
  { _tag: "Asked", life: "a/1", call: "q1", port: "b#2", value: 21, itself: false },
  { _tag: "Got", life: "b/1", port: "b#1", channel: "c1", n: 2, holds },
  { _tag: "Answered", life: "a/1", call: "q1", value: 42 },
  { _tag: "Fault", what: "cut", nodes: ["b"] },
  { _tag: "Sent", life: "a/1", channel: "c1", n: 3, ...always },
  { _tag: "Down", life: "a/1", peer: "b", reason: "lost" },
  { _tag: "Fired", life: "a/1", channel: "c1", reason: ["transport_error", "b", "lost"] },
  { _tag: "Down", life: "b/1", peer: "a", reason: "lost" },
  { _tag: "Up", life: "a/1", peer: "b" },
  { _tag: "Up", life: "b/1", peer: "a" },
  { _tag: "Monitored", life: "a/1", channel: "c2", port: "b#1" },
  { _tag: "Sent", life: "a/1", channel: "c2", n: 1, ...always },
  { _tag: "Got", life: "b/1", port: "b#1", channel: "c2", n: 1, holds },
  { _tag: "Monitored", life: "a/1", channel: "c3", port: "b#2" },
  { _tag: "Ended", life: "b/1", port: "b#2", reason: ["killed"] },
  { _tag: "Fired", life: "a/1", channel: "c3", reason: ["killed"] },
  { _tag: "Monitored", life: "a/1", channel: "c4", port: "b#1" },
  { _tag: "Unmonitored", life: "a/1", channel: "c4" },
  { _tag: "Sent", life: "a/1", channel: "c2", n: 2, holds: "odd", carried: "never" },
  { _tag: "Unsent", life: "a/1", channel: "c2", n: 2 },
  { _tag: "Asked", life: "b/1", call: "q2", port: "b#1", value: 1, itself: true },
  { _tag: "Refused", life: "b/1", call: "q2", reason: ["calling_self", "a text"] },
  { _tag: "Answers", life: "b/1" },
  { _tag: "HasAnswered", life: "b/1" },
  { _tag: "Pushed", life: "a/1", push: "p1" },
  { _tag: "Pushed", life: "a/1", push: "p2" },
  { _tag: "GaveUp", life: "a/1", push: "p2" },
  { _tag: "Came", life: "b/1", push: "p1" },
  { _tag: "Entrusted", life: "b/1", note: "n1", port: "b#2", other: "b#1", ...always },
  { _tag: "Noted", life: "b/1", port: "b#1", note: "n1", holds },
  { _tag: "Entrusted", life: "b/1", note: "n2", port: "b#2", other: "b#1", ...always },
  { _tag: "Withdrawn", life: "b/1", note: "n2" },
  { _tag: "Promised", life: "a/1", reminder: "r1", own: true, holds },
  { _tag: "Reminded", life: "a/1", reminder: "r1", holds },
  { _tag: "Promised", life: "a/1", reminder: "r2", own: true, holds },
  { _tag: "Recalled", life: "a/1", reminder: "r2" },
  { _tag: "SupervisorUp", life: "a/1", supervisor: "s1" },
  { _tag: "ChildUp", life: "b/1", port: "b#3", supervisor: "s1", child: "s1/a", most: 1 },
  { _tag: "ChildOver", life: "b/1", port: "b#3" },
  { _tag: "ChildUp", life: "b/1", port: "b#4", supervisor: "s1", child: "s1/a", most: 1 },
  { _tag: "SupervisorUp", life: "a/1", supervisor: "s2" },
  { _tag: "ChildUp", life: "b/1", port: "b#5", supervisor: "s2", child: "s2/a", most: 1 },
  { _tag: "SupervisorOver", life: "a/1", supervisor: "s2" },
  { _tag: "ChildOver", life: "b/1", port: "b#5" },
  { _tag: "Set", life: "a/1", family: "f", key: "k", value: 1 },
  { _tag: "RpcServes", life: "b/1", port: "b#work", isWorker: true },
  { _tag: "RpcServes", life: "b/1", port: "b#7", isWorker: true },
  { _tag: "RpcClient", life: "a/1", client: "rc" },
  { _tag: "RpcAsked", life: "a/1", call: "r1", client: "rc", kind: "answer", n: 21, port: "b#work" },
  { _tag: "RpcBegan", life: "b/1", call: "r1" },
  { _tag: "RpcDone", life: "b/1", call: "r1" },
  { _tag: "RpcTold", life: "a/1", call: "r1", about: "r1" },
  { _tag: "RpcOver", life: "a/1", call: "r1", how: "answered", n: 42 },
  { _tag: "RpcAsked", life: "a/1", call: "r2", client: "rc", kind: "count", n: 1, port: "b#work" },
  { _tag: "RpcBegan", life: "b/1", call: "r2" },
  { _tag: "RpcTold", life: "a/1", call: "r2", about: "r2", item: 1 },
  { _tag: "RpcDone", life: "b/1", call: "r2" },
  { _tag: "RpcOver", life: "a/1", call: "r2", how: "answered", n: undefined },
  { _tag: "RpcAsked", life: "a/1", call: "r3", client: "rc", kind: "hang", n: 1, port: "b#work" },
  { _tag: "RpcBegan", life: "b/1", call: "r3" },
  { _tag: "RpcGaveUp", life: "a/1", call: "r3" },
  { _tag: "RpcOver", life: "a/1", call: "r3", how: "interrupted" },
  { _tag: "RpcDone", life: "b/1", call: "r3" },
  { _tag: "RpcAsked", life: "a/1", call: "r5", client: "rc", kind: "wrong", n: 1, port: "b#work" },
  { _tag: "RpcOver", life: "a/1", call: "r5", how: "rejected" },
  { _tag: "Chosen", life: "a/1", port: "b#7" },
  { _tag: "RpcAsked", life: "a/1", call: "r4", client: "rc", kind: "answer", n: 1, port: "b#7" },
  { _tag: "RpcServed", life: "b/1", port: "b#7", reason: ["killed", "k"] },
  { _tag: "SeenEnd", life: "a/1", port: "b#7" },
  { _tag: "RpcOver", life: "a/1", call: "r4", how: "killed", port: "b#7", reason: ["killed", "k"] },
  { _tag: "Healed", lives },
  { _tag: "Seen", life: "a/1", family: "f", entries: { k: 1 } },
  { _tag: "Seen", life: "b/1", family: "f", entries: { k: 1 } },
  { _tag: "Viewed", life: "a/1", members: ["b#work"] },
  { _tag: "Quiet", lives },
  { _tag: "Stopped", life: "b/1" },
  { _tag: "Stopped", life: "a/1" }
]

const indexOf = (wanted: Partial<Record<string, unknown>>): number => {
  const at = good.findIndex((event) =>
    Object.entries(wanted).every(([key, value]) => (event as Record<string, unknown>)[key] === value)
  )
  assert.isAtLeast(at, 0, JSON.stringify(wanted))
  return at
}

/** Everything but the events that match. */
const without = (wanted: Partial<Record<string, unknown>>): ReadonlyArray<Event> => good.toSpliced(indexOf(wanted), 1)
/** With another event behind the one that matches. */
const behind = (wanted: Partial<Record<string, unknown>>, ...events: ReadonlyArray<Event>): ReadonlyArray<Event> =>
  good.toSpliced(indexOf(wanted) + 1, 0, ...events)
const instead = (wanted: Partial<Record<string, unknown>>, event: Event): ReadonlyArray<Event> =>
  good.toSpliced(indexOf(wanted), 1, event)

const bad: ReadonlyArray<readonly [checker: string, what: string, events: ReadonlyArray<Event>]> = [
  ["leaks", "something is left", [...good, { _tag: "Leaked", what: "a timer" }]],
  [
    "locks",
    "two hold one key",
    behind(
      { _tag: "Ended", port: "b#2" },
      { _tag: "Holds", life: "a/1", key: "k", token: 1, now: 0, until: 9 },
      { _tag: "Holds", life: "b/1", key: "k", token: 2, now: 1, until: 9 }
    )
  ],
  [
    "services",
    "one begins before the other has ended",
    behind(
      { _tag: "Ended", port: "b#2" },
      { _tag: "ServiceUp", life: "a/1", service: "s", run: "a/1 s 1" },
      { _tag: "ServiceUp", life: "b/1", service: "s", run: "b/1 s 1" }
    )
  ],
  [
    "services",
    "a token is smaller than the one before",
    behind(
      { _tag: "Ended", port: "b#2" },
      { _tag: "ServiceUp", life: "a/1", service: "s", run: "a/1 s 1", token: 2 },
      { _tag: "ServiceOver", life: "a/1", service: "s", run: "a/1 s 1" },
      { _tag: "ServiceUp", life: "b/1", service: "s", run: "b/1 s 1", token: 1 }
    )
  ],
  ["life", "a dead life goes on", [...good, { _tag: "Made", life: "a/1", port: "a#9" }]],
  [
    "names",
    "a port ID is given out again",
    behind({ _tag: "Ended", port: "b#2" }, { _tag: "Made", life: "b/1", port: "b#2" })
  ],
  [
    "names",
    "a port ends twice",
    behind({ _tag: "Ended", port: "b#2" }, { _tag: "Ended", life: "b/1", port: "b#2", reason: [] })
  ],
  [
    "names",
    "a message comes to another port",
    instead({ _tag: "Got", channel: "c2" }, { _tag: "Got", life: "b/1", port: "b#2", channel: "c2", n: 1, holds })
  ],
  [
    "names",
    "a message comes to another life",
    instead({ _tag: "Got", channel: "c2" }, { _tag: "Got", life: "a/1", port: "b#1", channel: "c2", n: 1, holds })
  ],
  ["names", "a message comes after the end", [
    ...good.slice(0, indexOf({ _tag: "Got", channel: "c2" })),
    { _tag: "Ended", life: "b/1", port: "b#1", reason: [] },
    ...good.slice(indexOf({ _tag: "Got", channel: "c2" }))
  ]],
  ["guarantee", "a message is missing", without({ _tag: "Got", channel: "c1", n: 1, holds })],
  [
    "guarantee",
    "a message comes twice",
    behind({ _tag: "Got", channel: "c1", n: 1, holds }, {
      _tag: "Got",
      life: "b/1",
      port: "b#1",
      channel: "c1",
      n: 1,
      holds
    })
  ],
  [
    "guarantee",
    "a message comes that was not sent",
    behind({ _tag: "Got", channel: "c2" }, { _tag: "Got", life: "b/1", port: "b#1", channel: "c2", n: 2, holds })
  ],
  [
    "guarantee",
    "a message comes that was refused",
    behind({ _tag: "Unsent" }, { _tag: "Got", life: "b/1", port: "b#1", channel: "c2", n: 2, holds: "odd" })
  ],
  [
    "contents",
    "a message is not what it was",
    instead({ _tag: "Got", channel: "c2" }, {
      _tag: "Got",
      life: "b/1",
      port: "b#1",
      channel: "c2",
      n: 1,
      holds: "another"
    })
  ],
  [
    "contents",
    "what travels is refused",
    behind({ _tag: "Got", channel: "c2" }, { _tag: "Unsent", life: "a/1", channel: "c2", n: 1 })
  ],
  [
    "contents",
    "what cannot travel is not refused",
    instead({ _tag: "Unsent" }, { _tag: "Sent", life: "a/1", channel: "c2", n: 3, ...always })
  ],
  [
    "contents",
    "a note is not what it was",
    instead({ _tag: "Noted" }, { _tag: "Noted", life: "b/1", port: "b#1", note: "n1", holds: "another" })
  ],
  [
    "favours",
    "a message comes whose sender has given up",
    behind({ _tag: "GaveUp" }, { _tag: "Came", life: "b/1", push: "p2" })
  ],
  ["favours", "a message comes twice", behind({ _tag: "Came" }, { _tag: "Came", life: "b/1", push: "p1" })],
  [
    "favours",
    "a reminder comes that was taken back",
    behind({ _tag: "Recalled" }, { _tag: "Reminded", life: "a/1", reminder: "r2", holds })
  ],
  [
    "turns",
    "a caller goes on while it is answered",
    behind({ _tag: "Answers" }, { _tag: "Pushed", life: "b/1", push: "p3" })
  ],
  [
    "calls",
    "a port answers itself",
    instead({ _tag: "Refused" }, { _tag: "Answered", life: "b/1", call: "q2", value: 2 })
  ],
  ["liveness", "a reminder does not come", without({ _tag: "Reminded" })],
  ["liveness", "a note does not come", without({ _tag: "Noted" })],
  [
    "generations",
    "an old message comes behind a new one",
    behind({ _tag: "Got", channel: "c2" }, { _tag: "Got", life: "b/1", port: "b#1", channel: "c1", n: 3, holds })
  ],
  [
    "monitors",
    "one fires twice",
    behind({ _tag: "Fired", channel: "c3" }, { _tag: "Fired", life: "a/1", channel: "c3", reason: ["killed"] })
  ],
  [
    "monitors",
    "one fires that was taken back",
    behind({ _tag: "Unmonitored" }, { _tag: "Fired", life: "a/1", channel: "c4", reason: ["transport_error", "b", ""] })
  ],
  [
    "monitors",
    "one fires with another reason",
    instead({ _tag: "Fired", channel: "c3" }, { _tag: "Fired", life: "a/1", channel: "c3", reason: [] })
  ],
  [
    "monitors",
    "a live port is said not to exist",
    behind({ _tag: "Got", channel: "c2" }, {
      _tag: "Fired",
      life: "a/1",
      channel: "c2",
      reason: ["no_such_port", "", "b#1"]
    })
  ],
  [
    "monitors",
    "a link is said to be lost to which nothing was done",
    good.filter((event) => event._tag !== "Fault" && event._tag !== "Down")
  ],
  [
    "calls",
    "an answer is wrong",
    instead({ _tag: "Answered" }, { _tag: "Answered", life: "a/1", call: "q1", value: 43 })
  ],
  [
    "calls",
    "an answer comes twice",
    behind({ _tag: "Answered" }, { _tag: "Answered", life: "a/1", call: "q1", value: 42 })
  ],
  ["links", "a node comes up twice", behind({ _tag: "Up", life: "a/1" }, { _tag: "Up", life: "a/1", peer: "b" })],
  [
    "links",
    "a node goes down that was not up",
    behind({ _tag: "Down", life: "a/1" }, { _tag: "Down", life: "a/1", peer: "b", reason: "" })
  ],
  ["links", "a link is lost to which nothing was done", without({ _tag: "Fault" })],
  ["liveness", "a message does not arrive", without({ _tag: "Got", channel: "c2" })],
  ["liveness", "a monitor of a dead port does not fire", without({ _tag: "Fired", channel: "c3" })],
  ["liveness", "a call has no answer", without({ _tag: "Answered" })],
  [
    "database",
    "an entry is lost",
    instead({ _tag: "Seen", life: "b/1" }, { _tag: "Seen", life: "b/1", family: "f", entries: {} })
  ],
  [
    "database",
    "an entry is there that nobody holds",
    instead({ _tag: "Seen", life: "b/1" }, { _tag: "Seen", life: "b/1", family: "f", entries: { k: 1, x: 2 } })
  ],
  ["orphans", "a child outlives its supervisor", without({ _tag: "ChildOver", port: "b#5" })],
  [
    "orphans",
    "a child outlives the process of its supervisor",
    instead({ _tag: "SupervisorUp", supervisor: "s1" }, { _tag: "SupervisorUp", life: "a/0", supervisor: "s1" })
      .toSpliced(indexOf({ _tag: "Healed" }), 0, { _tag: "Crashed", life: "a/0" })
  ],
  ["doubles", "a child is there twice", without({ _tag: "ChildOver", port: "b#3" })],
  [
    "rpcs",
    "an answer is wrong",
    instead({ _tag: "RpcOver", call: "r1" }, { _tag: "RpcOver", life: "a/1", call: "r1", how: "answered", n: 43 })
  ],
  [
    "rpcs",
    "an answer is that of another call",
    instead({ _tag: "RpcTold", call: "r1" }, { _tag: "RpcTold", life: "a/1", call: "r1", about: "r2" })
  ],
  [
    "rpcs",
    "a call ends twice",
    behind({ _tag: "RpcOver", call: "r1" }, { _tag: "RpcOver", life: "a/1", call: "r1", how: "answered", n: 42 })
  ],
  [
    "rpcs",
    "a call that was right is refused by its port",
    instead({ _tag: "RpcOver", call: "r1" }, { _tag: "RpcOver", life: "a/1", call: "r1", how: "rejected" })
  ],
  ["rpcs", "a call does not end", without({ _tag: "RpcOver", call: "r3" })],
  ["rpcs", "an item is missing", without({ _tag: "RpcTold", call: "r2" })],
  [
    "rpcs",
    "an item comes twice",
    behind({ _tag: "RpcTold", call: "r2" }, { _tag: "RpcTold", life: "a/1", call: "r2", about: "r2", item: 1 })
  ],
  ["rpcs", "who was not interrupted is told so", without({ _tag: "RpcGaveUp" })],
  ["rpcs", "an answer comes of a handler that never ran", without({ _tag: "RpcBegan", call: "r1" })],
  [
    "rpcs",
    "an answer comes of a handler that was interrupted",
    behind({ _tag: "RpcBegan", call: "r1" }, { _tag: "RpcStopped", life: "b/1", call: "r1" })
  ],
  [
    "rpcs",
    "a handler runs twice",
    behind({ _tag: "RpcDone", call: "r1" }, { _tag: "RpcBegan", life: "b/1", call: "r1" })
  ],
  ["rpcs", "a handler goes on for nobody", without({ _tag: "RpcDone", call: "r3" })],
  [
    "rpcs",
    "a server is said to have ended otherwise",
    instead({ _tag: "RpcOver", call: "r4" }, {
      _tag: "RpcOver",
      life: "a/1",
      call: "r4",
      how: "killed",
      port: "b#7",
      reason: ["killed", "by nobody"]
    })
  ],
  [
    "rpcs",
    "a server that lives is said not to exist",
    behind({ _tag: "RpcAsked", call: "r3" }, {
      _tag: "RpcOver",
      life: "a/1",
      call: "r3",
      how: "killed",
      port: "b#work",
      reason: ["no_such_port", "", "b#work"]
    }).filter((event) => event._tag !== "RpcOver" || event.how !== "interrupted")
  ],
  [
    "locks",
    "two hold a key",
    [
      { _tag: "Started", life: "a/1", node: "a" },
      { _tag: "Started", life: "b/1", node: "b" },
      { _tag: "Holds", life: "a/1", key: "x", token: 1, now: 0, until: 100 },
      { _tag: "Holds", life: "b/1", key: "x", token: 2, now: 50, until: 150 }
    ]
  ],
  ...([
    ["begins before another one has ended", { _tag: "ServiceUp", life: "b/1", service: "s", run: "b:s", token: 2 }],
    ["has a token that does not count up", { _tag: "ServiceUp", life: "b/1", service: "t", run: "b:t", token: 1 }]
  ] as const).map(([what, event]) =>
    ["services", `a service ${what}`, [
      { _tag: "Started", life: "a/1", node: "a" },
      { _tag: "Started", life: "b/1", node: "b" },
      { _tag: "ServiceUp", life: "a/1", service: "s", run: "a:s", token: 1 },
      event
    ]] as const
  ),
  [
    "drains",
    "a node has drained, and is at work for another one",
    [
      { _tag: "Started", life: "a/1", node: "a" },
      { _tag: "Started", life: "b/1", node: "b" },
      { _tag: "RpcAsked", life: "a/1", call: "r1", client: "rc", kind: "answer", n: 21, port: "b#work" },
      { _tag: "RpcBegan", life: "b/1", call: "r1" },
      { _tag: "Draining", life: "b/1" },
      { _tag: "Drained", life: "b/1", isDone: true }
    ]
  ],
  [
    "drains",
    "a call is refused that had begun",
    instead({ _tag: "RpcOver", call: "r1" }, {
      _tag: "RpcOver",
      life: "a/1",
      call: "r1",
      how: "killed",
      port: "b#work",
      reason: ["draining", "a text"]
    })
  ],
  [
    "groups",
    "a worker is chosen that was seen to end",
    behind({ _tag: "SeenEnd" }, { _tag: "Chosen", life: "a/1", port: "b#7" })
  ],
  ["groups", "a worker is not seen", instead({ _tag: "Viewed" }, { _tag: "Viewed", life: "a/1", members: [] })],
  [
    "groups",
    "a worker is seen that has ended",
    instead({ _tag: "Viewed" }, { _tag: "Viewed", life: "a/1", members: ["b#7", "b#work"] })
  ]
]

describe("the checkers", () => {
  it("find nothing wrong with a run that is right", () => {
    assert.isUndefined(violation(good))
  })

  it("find nothing wrong with a node that has drained, and cleans up after calls that somebody ended", () => {
    const port = "b#work"
    assert.isUndefined(violation([
      { _tag: "Started", life: "a/1", node: "a" },
      { _tag: "Started", life: "b/1", node: "b" },
      { _tag: "RpcServes", life: "b/1", port, isWorker: false },
      { _tag: "RpcClient", life: "a/1", client: "rc" },
      ...["r1", "r2"].flatMap((call): ReadonlyArray<Event> => [
        { _tag: "RpcAsked", life: "a/1", call, client: "rc", kind: "answer", n: 21, port },
        { _tag: "RpcBegan", life: "b/1", call, server: port }
      ]),
      { _tag: "Draining", life: "b/1" },
      { _tag: "RpcEnds", life: "b/1", port },
      { _tag: "RpcOver", life: "a/1", call: "r1", how: "killed", port, reason: [] },
      { _tag: "Drained", life: "b/1", isDone: true },
      { _tag: "RpcOver", life: "a/1", call: "r2", how: "killed", port, reason: [] },
      ...["r1", "r2"].flatMap((call): ReadonlyArray<Event> => [
        { _tag: "RpcStopped", life: "b/1", call },
        { _tag: "RpcDone", life: "b/1", call }
      ]),
      { _tag: "RpcServed", life: "b/1", port, reason: [] }
    ]))
  })

  it.each(bad)("%s: %s", (checker, _, events) => {
    assert.strictEqual(violation(events)?.checker, checker)
  })

  it("all can fail", () => {
    assert.sameMembers(Array.from(new Set(bad.map(([checker]) => checker))), Array.from(checkerNames))
  })

  it("find a message that is lost, repeated or swapped, wherever it is", () => {
    const random = new SeededRandom("mutations")
    for (let round = 0; round < 200; round++) {
      const count = random.int(3, 30)
      const numbers = Array.from({ length: count }, (_, i) => i + 1)
      const at = random.int(0, count - 2)
      const kind = random.pick(["lost", "repeated", "swapped"] as const)!
      if (kind === "lost") numbers.splice(at, 1)
      else if (kind === "repeated") numbers.splice(at, 0, numbers[at]!)
      else numbers.splice(at, 2, numbers[at + 1]!, numbers[at]!)
      const channel = "c"
      const events: ReadonlyArray<Event> = [
        { _tag: "Made", life: "b/1", port: "b#1" },
        { _tag: "Monitored", life: "a/1", channel, port: "b#1" },
        ...Array.from(
          { length: count },
          (_, i): Event => ({ _tag: "Sent", life: "a/1", channel, n: i + 1, ...always })
        ),
        ...numbers.map((n): Event => ({ _tag: "Got", life: "b/1", port: "b#1", channel, n, holds }))
      ]
      assert.strictEqual(violation(events)?.checker, "guarantee", `${kind} at ${at} of ${count}`)
    }
  })
})
