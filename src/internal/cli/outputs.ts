/**
 * What commands print with `--json`: one value, or one on each line of those that go on. `docs/json.md` says what its fields mean, and
 * tests hold it and what is really printed against this.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import { PortStatus } from "../node/portList.ts"
import { Status } from "../node/status.ts"
import { Reloaded } from "./run/reloaded.ts"

const Texts = Schema.Array(Schema.String)
const Reply = Schema.Array(Schema.Unknown)
const Entries = Schema.Record(Schema.String, Schema.Unknown)

const OwnKind = Schema.Struct({ ...Status.fields, entries: Schema.NullOr(Schema.Finite) })
const OtherKind = Schema.Struct({
  nodeId: Schema.String,
  kind: Schema.String,
  addresses: Texts,
  roundTripMillis: Schema.Finite
})
const Problem = Schema.Struct({ nodeId: Schema.String, problem: Schema.String })

/** A supervisor, and what is below it. */
interface Tree {
  readonly name: string
  readonly port: string
  readonly node: string
  readonly strategy: string
  readonly owner?: string | undefined
  readonly children: ReadonlyArray<Child>
}

interface Child {
  readonly id: string
  readonly status: string
  readonly type: string
  readonly port?: string | undefined
  readonly restarts: number
  readonly uptime?: number | undefined
  readonly lastReason?: ReadonlyArray<unknown> | undefined
  readonly node?: string | undefined
  readonly tree?: Tree | string | undefined
  readonly made: ReadonlyArray<Tree>
}

const Child: Schema.Codec<Child> = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  type: Schema.String,
  port: Schema.optional(Schema.String),
  restarts: Schema.Finite,
  uptime: Schema.optional(Schema.Finite),
  lastReason: Schema.optional(Reply),
  node: Schema.optional(Schema.String),
  tree: Schema.optional(Schema.Union([Schema.suspend(() => Tree), Schema.String])),
  made: Schema.Array(Schema.suspend(() => Tree))
})

const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Schema.String,
  port: Schema.String,
  node: Schema.String,
  strategy: Schema.String,
  owner: Schema.optional(Schema.String),
  children: Schema.Array(Child)
})

/** A node in a line of `top`; what it does not tell is null. */
const TopRow = Schema.Struct({
  nodeId: Schema.String,
  uptime: Schema.Finite,
  draining: Schema.NullOr(Schema.Boolean),
  links: Schema.Finite,
  ports: Schema.Finite,
  messagesPerSecond: Schema.NullOr(Schema.Finite),
  inPerSecond: Schema.NullOr(Schema.Finite),
  outPerSecond: Schema.NullOr(Schema.Finite),
  cpuPercent: Schema.NullOr(Schema.Finite),
  mailbox: Schema.NullOr(Schema.Finite),
  busiest: Schema.Array(PortStatus),
  loopDelay: Schema.NullOr(Schema.Struct({ meanMillis: Schema.Finite, maxMillis: Schema.Finite })),
  memory: Schema.Finite,
  restarts: Schema.NullOr(Schema.Finite)
})

/** How far a node is that was to stop. */
const Stopping = Schema.Struct({
  node: Schema.String,
  state: Schema.Literals(["drained", "draining", "stopping", "stopped", "restarting", "restarted"]),
  tookMillis: Schema.Finite
})

const Tag = Schema.Struct({ tag: Schema.String, text: Schema.String })
const Millis = Schema.NullOr(Schema.Finite)

export const outputs = {
  "cal": Reply,
  "eval": Reply,
  "mon": Schema.Struct({ port: Schema.String, reason: Reply }),
  "find": Texts,
  "db get FAMILY": Entries,
  "db get FAMILY KEY": Schema.Unknown,
  "db mon": Schema.Struct({ added: Texts, changed: Texts, deleted: Texts, set: Entries }),
  "status": Schema.Array(Schema.Union([OwnKind, OtherKind, Problem])),
  "status NODE": Schema.Union([OwnKind, OtherKind]),
  "top": Schema.Struct({
    at: Schema.Finite,
    nodes: Schema.Array(Schema.Union([TopRow, OtherKind, Problem])),
    links: Schema.Array(Schema.Struct({
      from: Schema.String,
      to: Schema.String,
      bytesPerSecond: Schema.Finite,
      queued: Schema.Finite
    }))
  }),
  "ps": Schema.Struct({ total: Schema.Finite, ports: Schema.Array(PortStatus), problems: Schema.Array(Problem) }),
  "tap": Schema.Struct({ at: Schema.Finite, from: Schema.String, text: Schema.String }),
  "kil": Schema.Struct({ port: Schema.String, reason: Reply }),
  "groups": Schema.Array(Schema.Struct({
    group: Schema.String,
    members: Schema.Array(Schema.Struct({
      port: Schema.String,
      node: Schema.String,
      kind: Schema.String,
      what: Schema.String
    }))
  })),
  "trace": Schema.Record(Schema.String, Schema.NullOr(Texts)),
  "tree": Schema.Array(Tree),
  "ping": Schema.Struct({
    node: Schema.String,
    count: Schema.Finite,
    lost: Schema.Finite,
    min: Millis,
    median: Millis,
    max: Millis
  }),
  "bench": Schema.Struct({ node: Schema.String, roundTrips: Schema.Finite, concurrentRoundTrips: Schema.Finite }),
  "logs": Schema.StructWithRest(
    Schema.Struct({ node: Schema.String, at: Schema.Finite, level: Schema.String, text: Schema.String }),
    [Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite]))]
  ),
  "log-level": Schema.Struct({ node: Schema.String, levels: Schema.String }),
  "drain": Stopping,
  "stop": Stopping,
  "restart": Stopping,
  "reload": Schema.Struct({ node: Schema.String, ...Reloaded.fields }),
  "init": Schema.Struct({
    folder: Schema.String,
    name: Schema.String,
    form: Schema.String,
    files: Texts,
    dependency: Schema.String,
    next: Texts
  }),
  "web": Schema.Struct({ nodeId: Schema.String, url: Schema.String, allowsActions: Schema.Boolean }),
  "ticket": Schema.Struct({ ticket: Schema.String, node: Schema.String, expires: Schema.Finite }),
  "errors": Schema.Array(Tag),
  "errors TAG": Tag,
  "doctor": Schema.Array(Schema.Struct({
    what: Schema.String,
    verdict: Schema.Literals(["ok", "warning", "problem"]),
    found: Schema.String,
    advice: Schema.optional(Schema.String)
  })),
  "showprofile": Entries,
  "showconfig": Schema.Record(Schema.String, Schema.Struct({ value: Schema.Unknown, from: Schema.String }))
} as const

/** By command. */
export type Outputs = { readonly [K in keyof typeof outputs]: typeof outputs[K]["Type"] }
