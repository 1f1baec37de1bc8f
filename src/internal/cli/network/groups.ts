/**
 * `emp groups`: the groups of a network, and what their members are, without a name to begin with.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Global from "../../../Global.ts"
import * as Port from "../../../Port.ts"
import { globalsFamily, isFamilyName } from "../../global/families.ts"
import { membersOf } from "../../global/member.ts"
import { NodeMesh } from "../../global/mesh.ts"
import { mostPorts } from "../../node/portOptions.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { askStatus } from "./nodes.ts"
import { askPorts, describePort } from "./ports.ts"
import { ask, failed, isOwnKind, type Network, type Session, within } from "./session.ts"
import { checkFamily } from "./talk.ts"

/** A member as operators see it. `kind` and `what` are empty if its node does not tell. */
interface Member {
  readonly port: string
  readonly node: string
  readonly kind: string
  readonly what: string
}

/** How a global node of AnyEvent::MP is asked which families there are, if it runs code that it is sent. */
const familiesQuestion = "keys %AnyEvent::MP::Kernel::GLOBAL_DB"

/**
 * The families of the database, and how much is in each, as far as that is told. Global nodes know all families: of those that can tell,
 * the first one does.
 */
export const familySizes = (session: Session) =>
  Effect.gen(function*() {
    const { master } = yield* Global.Global
    const mesh = yield* NodeMesh
    const query = Effect.callback<object>((resume) =>
      Effect.sync(mesh.query("g_db_family", globalsFamily, (result) => resume(Effect.succeed(Object(result)))))
    )
    const globals = Object.keys(yield* within(session, query, "the global nodes of the network are not known"))
    const candidates = new Set([...master === undefined ? [] : [master], ...globals])
    for (const nodeId of candidates) {
      const told = yield* Effect.option(toldBy(session, nodeId))
      if (told._tag === "Some" && told.value !== undefined) return told.value
    }
    return yield* failed("no global node tells which families there are: name the group, as emp find takes it")
  })

const toldBy = (session: Session, nodeId: string) =>
  Effect.gen(function*() {
    if (yield* isOwnKind(session, nodeId)) {
      const { families, isGlobal } = yield* askStatus(session, nodeId)
      return isGlobal ? familiesOf(Object.entries(families)) : undefined
    }
    const [problem, ...names] = yield* ask(session, nodeId, "eval", familiesQuestion)
    return problem === "" ? familiesOf(names.map((name) => [name, undefined])) : undefined
  })

/** In the order of their names, without those of the network itself. */
const familiesOf = (all: ReadonlyArray<readonly [name: unknown, size: number | undefined]>) =>
  new Map(
    all.flatMap(([name, size]) => typeof name === "string" && isFamilyName(name) ? [[name, size] as const] : [])
      .toSorted(([one], [other]) => one < other ? -1 : 1)
  )

/** Each node is asked for what it knows of its ports. */
const membersIn = (session: Session, groups: ReadonlyMap<string, ReadonlyArray<string>>) =>
  Effect.gen(function*() {
    const all = new Set(Array.from(groups.values()).flat())
    const byNode = Map.groupBy(all, Port.nodeOf)
    const lists = yield* Effect.forEach(byNode, ([nodeId, ports]) =>
      Effect.option(askPorts(session, nodeId, { ports: ports.slice(0, mostPorts) })), { concurrency: 16 })
    const known = new Map(
      lists.flatMap((list) =>
        list._tag === "Some" && "ports" in list.value
          ? list.value.ports.map((port) =>
            [port.port, port] as const
          )
          : []
      )
    )
    const describe = (port: string): Member => {
      const { kind = "", what = "" } = known.get(port) ?? {}
      return { port, node: Port.nodeOf(port), kind, what }
    }
    return Array.from(groups, ([group, members]) => ({ group, members: members.map(describe) }))
  })

/** A family is a group if somebody has registered a port in it: data may have any key, but hardly such ones. */
export const isGroup = (members: ReadonlyArray<string>): boolean => members.some((member) => member.includes("#"))

export const groups = (session: Session, group: string | undefined): Effect.Effect<void, unknown, Network> =>
  Effect.gen(function*() {
    if (group !== undefined) yield* checkFamily(group)
    const names = group === undefined ? Array.from((yield* familySizes(session)).keys()) : [group]
    const families = yield* Effect.forEach(
      names,
      (name) => Effect.map(within(session, Global.family(name), "no answer"), (family) => membersOf(family).toSorted()),
      { concurrency: 16 }
    )
    const found = names.flatMap((name, at) => isGroup(families[at] ?? []) ? [[name, families[at] ?? []] as const] : [])
    const described = yield* membersIn(session, new Map(found))
    if (group !== undefined && described.length === 0) return yield* failed(`nobody is in the group ${group}`)
    if (session.json) return yield* printOutput("groups", described)
    yield* print(
      described.length === 0
        ? "there are no groups"
        : described.map(({ group, members }) => [group, ...members.map(line)].join("\n")).join("\n")
    )
  })

const line = (member: Member): string => `  ${member.port}  ${describePort(member)}`.trimEnd()
