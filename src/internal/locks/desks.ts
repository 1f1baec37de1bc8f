/**
 * The voter's side over ports: a desk for each owner, and what the ends of owners and of their links mean for what they hold. `voter.ts`
 * decides; this carries out.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Router } from "../node/router.ts"
import { Cell } from "../port/cell.ts"
import { usual } from "../port/settings.ts"
import type { LinkErrorReason } from "../values/linkReason.ts"
import { isPortId, nodeOf } from "../values/portId.ts"
import { isTagged, type PortExit, type Reason, reasonFromExit, reasons } from "../values/reason.ts"
import type { Question } from "./owner.ts"
import { differs, InvalidLocks, mostOwners, type Rules, said } from "./rules.ts"
import { type Kept, Voter } from "./voter.ts"
import { deskFunction, readQuestion } from "./wire.ts"

/** An owner, as long as it can be reached. */
interface Known {
  readonly desks: Set<Cell>
  readonly unwatch: () => void
}

/**
 * What says that the process of the other side is gone, or cut off, or about to end: it may live, but it is not merely slow. A node that stops
 * in order ends the owners that nobody else has ended: what those hold may be in use, by something that takes longer to stop.
 */
const breaks: ReadonlySet<LinkErrorReason | undefined> = new Set<LinkErrorReason>([
  "link_lost",
  "node_left",
  "replaced"
])

class Desks {
  readonly rules: Rules
  private readonly router: Router
  private readonly scope = Scope.makeUnsafe()
  private readonly voter: Voter
  private readonly owners = new Map<string, Known>()
  /** What was logged of nodes with other options. */
  private readonly refused = new Map<string, string>()
  private readonly remove: () => void
  private stopWaiting: () => void = () => {}

  constructor(router: Router, rules: Rules) {
    this.router = router
    this.rules = rules
    this.voter = new Voter(rules, router.monotonic(), router.now())
    this.remove = router.functions.add(deskFunction(rules.name), (name, args, from) => this.open(name, args, from))
    this.begin()
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.remove()
      this.stopWaiting()
      for (const { unwatch } of this.owners.values()) unwatch()
      this.owners.clear()
      return Scope.close(this.scope, Exit.void)
    })
  }

  get kept(): Kept {
    return this.voter.kept(this.router.monotonic())
  }

  /** Whether it grants keys yet. */
  get isVoting(): boolean {
    return this.voter.isVoting(this.router.monotonic())
  }

  /** Tells those who wait for it when this voter grants keys. */
  private begin(): void {
    const left = this.voter.votesFrom - this.router.monotonic()
    if (left > 0) {
      this.stopWaiting = this.router.after(Math.ceil(left), () => this.begin())
      return
    }
    for (const [owner, { desks }] of this.owners) for (const desk of desks) this.greet(owner, desk)
  }

  private greet(owner: string, desk: Cell): void {
    this.router.send(owner, ["open", desk.id, this.isVoting])
  }

  /** An owner spawns its desk here. */
  private open(name: string, [owner, ...said]: ReadonlyArray<unknown>, from: string): void {
    const desk = new Cell(this.router, `${this.router.nodeId}#${name}`, usual, Context.empty())
    this.router.add(desk)
    this.router.observed.role(desk.id, { kind: "voter", what: `of ${this.rules.name}, for ${from}` })
    desk.tie(this.scope)
    // A node speaks for its own ports, and for nobody else's.
    if (!isPortId(owner) || nodeOf(owner) !== from) return desk.kill(refused("the owner is no port of its node"))
    const wrong = differs(this.rules, said)
    if (wrong !== undefined) {
      this.tellOfRefusal(from, wrong)
      this.refuse(owner, desk, `it has other options than this node: ${wrong}`)
    } else if (this.owners.size >= mostOwners && !this.owners.has(owner)) {
      this.refuse(owner, desk, `${mostOwners} owners have desks there already`)
    } else this.serve(owner, desk)
  }

  /** It asks again and again, with the same options. */
  private tellOfRefusal(node: string, wrong: string): void {
    if (this.refused.get(node) === wrong) return
    if (this.refused.size >= mostOwners) this.refused.clear()
    this.refused.set(node, wrong)
    const table = `locks ${JSON.stringify(this.rules.name)}`
    this.router.log.of("Global").warnSome(
      `locks ${this.rules.name} of ${node}`,
      `${table}: node ${node} has other options, and gets no vote of this one: ${wrong}`
    )
  }

  /** Says why before the desk ends: it may be gone when the owner monitors it. */
  private refuse(owner: string, desk: Cell, why: string): void {
    this.router.send(owner, ["refused", desk.id, why])
    desk.kill(refused(why))
  }

  private serve(owner: string, desk: Cell): void {
    const known = this.owners.get(owner) ?? this.meet(owner)
    // An owner that comes anew has lost its link, and speaks to its old desk no more.
    for (const old of known.desks) old.kill(reasons.shutdown("the owner has a new desk"))
    known.desks.add(desk)
    desk.watch(() => {
      known.desks.delete(desk)
    })
    for (const kind of ["acquire", "refresh", "release"] as const) {
      desk.on(kind, (id, keys, detail) => this.answer(owner, desk, readQuestion(kind, id, keys, detail)))
    }
    this.greet(owner, desk)
  }

  private answer(owner: string, desk: Cell, question: Question | undefined): void {
    if (question === undefined) return desk.kill(refused("the owner sent what is no question"))
    this.router.send(owner, ["answer", desk.id, question.id, this.numbers(owner, question)])
  }

  private numbers(owner: string, question: Question): ReadonlyArray<number> {
    const now = this.router.monotonic()
    const { keys } = question
    if (question.kind === "acquire") return this.voter.acquire(owner, keys, question.proposal, now)
    if (question.kind === "refresh") return this.voter.refresh(owner, keys, question.tokens, now)
    this.voter.release(owner, keys)
    return keys.map(() => 0)
  }

  private meet(owner: string): Known {
    const known: Known = {
      desks: new Set(),
      unwatch: this.router.monitor(owner, (exit) => this.lost(owner, known, exit))
    }
    this.owners.set(owner, known)
    return known
  }

  /** An owner has ended, or the link with its node. What waits at its desks comes too late. */
  private lost(owner: string, known: Known, exit: PortExit): void {
    this.owners.delete(owner)
    for (const desk of known.desks) desk.kill(reasons.shutdown("its owner is gone"))
    const why = linkErrorOf(exit)
    if (breaks.has(why)) this.voter.broke(owner, this.router.monotonic())
    else if (!isTagged(reasonFromExit(exit), "transport_error")) this.voter.ended(owner)
  }
}

const refused = (why: string): Reason => reasons.shutdown(`refused: ${why}`)

const linkErrorOf = (exit: PortExit): LinkErrorReason | undefined =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause))?.linkError : undefined

export type { Desks }

interface Shared {
  readonly desks: Desks
  users: number
}

/** The voters of each node, by the name of their table: several that use one table on a node share its voter. */
const votersOfNodes = new WeakMap<Router, Map<string, Shared>>()

/** Votes on this node until the scope closes. Fails if the node votes in a table of this name already, by other rules. */
export const vote = (router: Router, rules: Rules): Effect.Effect<Desks, InvalidLocks, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const voters = votersOfNodes.get(router) ?? new Map<string, Shared>()
      votersOfNodes.set(router, voters)
      const known = voters.get(rules.name)
      const wrong = known && differs(known.desks.rules, said(rules))
      if (wrong !== undefined) {
        const problem = `this node votes by other rules in a table of this name: ${wrong}`
        return Effect.fail(new InvalidLocks({ locks: rules.name, option: "name", problem }))
      }
      const shared = known ?? { desks: new Desks(router, rules), users: 0 }
      shared.users++
      voters.set(rules.name, shared)
      return Effect.succeed(shared)
    }),
    (shared) =>
      Effect.suspend(() => {
        if (--shared.users > 0) return Effect.void
        votersOfNodes.get(router)?.delete(rules.name)
        return shared.desks.close
      })
  ).pipe(Effect.map(({ desks }) => desks))
